// Whom `exactbind kill` would end: the processes that hold the port, what forbids it, and who would start them again.
import { spawnSync } from 'node:child_process';
import type { Holder, HolderProcess, PortReport } from '../lib/door.ts';
import { isShell, managerOf } from './ancestry.ts';
import { type Owner, ownerName, ownersIn } from './who.ts';

type Door = typeof import('../lib/door.ts');

/** A process that holds the port, and its ancestors. */
export interface Target extends Owner {
  readonly ancestors: readonly HolderProcess[];
}

/** A socket that keeps others from the port: never a client's. */
const isHolding = ({ state, protocol, remoteAddress }: Holder) =>
  protocol === 'udp' ? remoteAddress === undefined : state === 'LISTEN' || state === 'BOUND';

export const holdersOf = ({ holders }: PortReport): Holder[] => holders.filter(isHolding);

export function targetsOf(report: PortReport, door: Door): Target[] {
  return ownersIn({ holders: holdersOf(report) }).map((owner) => ({
    ...owner,
    ancestors: door.ancestryOf(owner.process.pid).slice(1),
  }));
}

// The first process, and the kernel of Windows: http.sys has its ports.
const KERNEL = process.platform === 'win32' ? [0, 4] : [0, 1];

const PROXIES =
  /^(docker-proxy|rootlesskit-docker-proxy|rootlessport|com\.docker\.(backend|vpnkit)|vpnkit|wslrelay)(\.exe)?$/;

/** What a program prints; nothing where there is none. */
function told(program: string, ...words: string[]): string {
  const { stdout } = spawnSync(program, words, {
    encoding: 'utf8',
    timeout: 2000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return stdout ?? '';
}

const listed = (names: readonly string[]) => [...new Set(names)].join(' ');

/** The units whose socket systemd listens with, and those that it has handed it to. */
function stopUnits({ holder, process: { uid } }: Owner, owners: readonly Owner[], door: Door): string {
  const user = uid === undefined || uid === 0 ? [] : ['--user'];
  const lines = told('systemctl', ...user, 'list-sockets', '--all', '--no-legend', '--plain').split('\n');
  const sockets = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([address = '']) => address.endsWith(`:${holder.port}`))
    .flatMap(([, unit = '']) => unit);
  const services = owners.flatMap(({ holder: { container } }) => (container?.endsWith('.service') ? [container] : []));
  const units = door.printable(listed([...sockets, ...services]));
  const words = ['systemctl', ...user].join(' ');
  return units === '' ? `"${words} list-sockets" names the unit to stop` : `stop the unit: ${words} stop ${units}`;
}

function stopContainer({ holder }: Owner, door: Door): string {
  const names = told('docker', 'ps', '--filter', `publish=${holder.port}`, '--format', '{{.Names}}')
    .trim()
    .split(/\s+/);
  const name = door.printable(listed(names));
  const known = holder.container?.replace(/^docker ?/, '') ?? '';
  const where = known === '' ? 'a container' : `the container at ${known}`;
  const instead = name === '' ? `docker ps --filter publish=${holder.port}` : `docker stop ${name}`;
  return `it passes the port on to ${where}: ${instead}`;
}

// The title of pm2's daemon, which listens for every app in cluster mode.
const PM2_DAEMON = /^PM2 v\S+ God Daemon/;

/** Why a process must not be ended; undefined where it may. */
function forbids(target: Target, owners: readonly Owner[], own: ReadonlySet<number>, door: Door): string | undefined {
  const { pid, name = '', command = '' } = target.process;
  const isSystemd = name === 'systemd';
  if (isSystemd) return `it holds the socket for a unit: ${stopUnits(target, owners, door)}`;
  if (PROXIES.test(name)) return stopContainer(target, door);
  if (PM2_DAEMON.test(command)) return "it holds the ports of all of pm2's apps in cluster mode: pm2 stop NAME";
  if (KERNEL.includes(pid)) return 'everything here depends on it';
  return own.has(pid) ? 'it started this command' : undefined;
}

/** Why none of them is ended: one line for each that forbids it. */
export function refusalsOf(targets: readonly Target[], door: Door): string[] {
  const own = new Set([process.pid, process.ppid, ...door.ancestryOf(process.pid).map(({ pid }) => pid)]);
  return targets.flatMap((target) => {
    const why = forbids(target, targets, own, door);
    return why === undefined ? [] : [`${ownerName(target, door)} is left alone: ${why}`];
  });
}

/** The users, other than this one, whose processes these are: their name, or else their number. */
export function othersUsers(targets: readonly Target[]): string[] {
  const own = process.geteuid?.();
  const others = targets.map(({ process: one }) => one).filter(({ uid }) => uid !== undefined && uid !== own);
  return [...new Set(others.map(({ user, uid }) => user ?? String(uid)))];
}

const SUPERVISORS: readonly (readonly [pattern: RegExp, name: string, instead: string])[] = [
  [/\bexactbind(\.cjs)? run\b|\bcli\.cjs run\b/, 'exactbind run', 'stop exactbind run'],
  [/^PM2 v|\/pm2\/|(^|[/\s])pm2(\s|$)/, 'pm2', 'pm2 stop'],
  [/\bnodemon\b/, 'nodemon', 'stop nodemon'],
  [/\bsupervisord\b/, 'supervisord', 'supervisorctl stop'],
  [/\bforever\b/, 'forever', 'forever stop'],
  [/ --watch\b|\btsx watch\b/, 'a watcher', 'stop the watcher'],
];

/** Who starts it again, in words: a sentence without its end. */
export function supervisorOf({ holder, ancestors }: Target, door: Door): string | undefined {
  const { container } = holder;
  if (container?.endsWith('.service'))
    return `systemd may start ${container} again: systemctl stop ${container} ends it for good`;
  const [, engine, id] = /^(docker|podman|nerdctl) ([0-9a-f]{12})$/.exec(container ?? '') ?? [];
  if (engine !== undefined) return `${engine} may start the container again: ${engine} stop ${id} ends it for good`;
  for (const { pid, command = '' } of ancestors) {
    const found = SUPERVISORS.find(([pattern]) => pattern.test(command));
    if (found !== undefined) return `${found[1]} (pid ${pid}) may start it again: ${found[2]}`;
  }
  const [parent] = ancestors;
  if (parent === undefined || parent.pid === 1 || isShell(parent) || managerOf(parent) !== undefined) return undefined;
  return `${door.printable(parent.name ?? 'its parent')} (pid ${parent.pid}), which started it, may start it again`;
}
