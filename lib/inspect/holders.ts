// Who holds a socket, in the words of a report: the row of the system's list, made readable.
import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, resolve } from 'node:path';
import type { SocketList, SocketRow } from '../addon.ts';
import { codeOf } from '../errors.ts';
import { system } from '../platform.ts';
import { isConnection, STATE } from '../socket-list.ts';
import type { Protocol } from '../systems/system.ts';
import { TCP_STATES } from '../tcp-states.ts';
import type { Holder } from './report.ts';

const STATES = ['', ...TCP_STATES, 'NEW_SYN_RECV', 'BOUND'];

function stateName({ state }: SocketRow, protocol: Protocol): string {
  // The list tells of a bound socket that it is closed; UNCONN is ss(8)'s word.
  if (state === STATE.CLOSE) return protocol === 'udp' ? 'UNCONN' : 'BOUND';
  return STATES[state] ?? String(state);
}

// The names that container engines give to their control groups.
const ENGINES: readonly (readonly [pattern: RegExp, engine: string])[] = [
  [/(?:^|\/)docker[-/]([0-9a-f]{12})[0-9a-f]{52}/, 'docker'],
  [/(?:^|\/)libpod-([0-9a-f]{12})[0-9a-f]{52}/, 'podman'],
  [/(?:^|\/)cri-containerd-([0-9a-f]{12})[0-9a-f]{52}/, 'containerd'],
  [/(?:^|\/)crio-([0-9a-f]{12})[0-9a-f]{52}/, 'cri-o'],
  [/(?:^|\/)lxc(?:\.payload\.|\/)([^/]+)/, 'lxc'],
  [/(?:^|\/)kubepods.*\/([0-9a-f]{12})[0-9a-f]{52}/, 'container'],
];

/** What a control group is for: its container, its systemd unit, else its path; undefined for the root. */
export function containerOf(path: string | undefined): string | undefined {
  if (path === undefined || path === '/') return undefined;
  for (const [pattern, engine] of ENGINES) {
    const id = pattern.exec(path)?.[1];
    if (id !== undefined) return `${engine} ${id}`;
  }
  const units = path.split('/').filter((name) => /\.(service|scope)$/.test(name));
  return units.at(-1) ?? path;
}

// What /proc adds to the path of an executable that was replaced while it runs: it is the same program still.
const DELETED = / \(deleted\)$/;

function samePath(one: string, other: string): boolean {
  return system === 'windows' ? one.toLowerCase() === other.toLowerCase() : one === other;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The script among the arguments of a runtime: the first that is neither an option nor may be the value of one. */
function scriptAmong(args: readonly string[], directory: string, script: string): boolean {
  for (const [index, arg] of args.entries()) {
    if (arg.startsWith('-')) continue;
    if (realPath(resolve(directory, arg)) === script) return true;
    const before = args[index - 1];
    const mayBeValue = before?.startsWith('-') && !before.includes('=');
    if (!mayBeValue) return false;
  }
  return false;
}

// Beyond these there are no options of a runtime, but somebody who wants to be asked about for long.
const MOST_WORDS = 64;

// A process that has ten thousand sockets is asked about once: its rows share the array.
const answers = new WeakMap<readonly string[], boolean>();

/** Whether a process runs this program: the same executable and the same script. */
function isSameProgram({ executable, directory, arguments: args }: SocketRow): boolean | null {
  if (executable === undefined) return null;
  if (!samePath(executable.replace(DELETED, ''), process.execPath)) return false;
  const script = process.argv[1];
  if (script === undefined) return false;
  if (args === undefined || directory === undefined) return null;
  const known = answers.get(args) ?? scriptAmong(args.slice(1, 1 + MOST_WORDS), directory, realPath(script));
  answers.set(args, known);
  return known;
}

function whyHidden(row: SocketRow, { ownersError }: SocketList): string | undefined {
  if (row.pid !== undefined) return undefined;
  // Nobody has a leftover; somebody has every other socket.
  if (!row.isOpen) return isConnection(row) ? undefined : 'pid not listed';
  if (ownersError !== 0 && /TIMEDOUT$/.test(codeOf(ownersError))) return 'pid not looked up';
  if (ownersError !== 0) return `pid not found: ${codeOf(ownersError)}`;
  // Sockets of the kernel's own (NFS) and of processes in no /proc of this namespace have no visible pid either.
  return process.geteuid?.() === 0 ? 'no process that can be seen here has it' : 'pid hidden from this user';
}

// On macOS people are in no file. Elsewhere it would ask a directory service, perhaps over the network.
function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** Turns a row into what a report says of it. */
export function holderOf(row: SocketRow, list: SocketList, port: number, protocol: Protocol): Holder {
  const { pid, uid, user, address, remoteAddress, remotePort, executable, arguments: args, timeLeft } = row;
  const isSelf = pid === process.pid;
  const isOwn = system === 'darwin' && uid !== undefined && uid === process.geteuid?.();
  const userName = user ?? (isOwn ? ownName() : undefined);
  const program = executable?.replace(DELETED, '');
  // Whoever has written a title over its arguments may have left blanks.
  const command = args?.join(' ').trimEnd() || program;
  const name = program === undefined ? command?.split(' ')[0] : basename(program);
  const container = containerOf(row.cgroup);
  const hidden = whyHidden(row, list);
  // Of a leftover, the kernel says uid 0.
  const isUsers = uid !== undefined && (row.isOpen || remotePort === undefined);
  return {
    ...(pid !== undefined && { pid }),
    ...(name !== undefined && { name }),
    ...(command !== undefined && { command }),
    ...(isUsers && userName !== undefined && { user: userName }),
    ...(isUsers && { uid }),
    ...(container !== undefined && { container }),
    address,
    port,
    ...(remoteAddress !== undefined && { remoteAddress, remotePort: remotePort as number }),
    protocol,
    state: stateName(row, protocol),
    self: isSelf,
    sameProgram: isSelf || (row.isOpen ? isSameProgram(row) : null),
    ...(timeLeft !== undefined && { timeLeftMs: timeLeft }),
    ...(hidden !== undefined && { hidden }),
  };
}
