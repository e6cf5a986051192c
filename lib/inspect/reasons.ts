// What a verdict alone does not say: the reason of a refusal, and what to do about it.
import { endpoint, isAny } from '../address.ts';
import type { Place, Refusal } from '../bind/places.ts';
import { codeOf } from '../errors.ts';
import { bareInside } from '../own.ts';
import { system } from '../platform.ts';
import { ownCommand } from './command.ts';
import { confinements, isWsl } from './confinement.ts';
import { firstUnprivilegedPort } from './limits.ts';
import type { Holder, HolderProcess, PortReport, Verdict } from './report.ts';

/** What was asked, and what came of it. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly protocol: PortReport['protocol'];
  readonly place: Place;
  readonly refusal: Refusal | undefined;
  /** Of the list of sockets. */
  readonly listError: number;
  readonly holders: readonly Holder[];
}

const UNLISTED = 'the system refuses the address, but lists no holder';

const listed = (words: readonly string[]) =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

const isLinkLocal = (host: string) => /^fe80:/i.test(host) && !host.includes('%');

function whyDenied({ refusal, protocol }: Outcome): string {
  if (refusal?.code === 'EADDRINUSE' && !isWsl()) return 'macOS keeps this port for its own programs';
  if (refusal?.code === 'EADDRINUSE') {
    return `a program on the Windows host probably has the ${protocol.toUpperCase()} port: Linux lists no holder`;
  }
  const known = confinements();
  const code = refusal?.code ?? 'EACCES';
  const said = `nobody has the port, and it is not too low: a rule of this system refuses it (${code})`;
  return known.length === 0 ? said : `${said}; it may be ${listed(known)}`;
}

export function reasonOf(outcome: Outcome): string | undefined {
  const { verdict, place, refusal, listError } = outcome;
  if (listError !== 0) return `the list of sockets could not be read: ${codeOf(listError)}`;
  if (verdict === 'privileged') {
    const first = firstUnprivilegedPort();
    const what = system === 'linux' ? 'CAP_NET_BIND_SERVICE' : 'root';
    return `ports below ${first} need ${what}${system === 'darwin' ? ' on a specific address' : ''}`;
  }
  if (verdict === 'excluded') {
    return 'no holder is listed, so the port is probably in an excluded range (Hyper-V, WinNAT)';
  }
  if (verdict === 'denied') return whyDenied(outcome);
  if (refusal?.code === 'EADDRNOTAVAIL') return `no interface of this machine has the address ${place.host}`;
  if (refusal?.code === 'EINVAL' && isLinkLocal(place.host)) return `${place.host} is an address of each interface`;
  if (refusal?.code === 'EAFNOSUPPORT') return `this machine has no IPv${place.family}`;
  return verdict === 'unknown' ? UNLISTED : undefined;
}

/** What to do where a port is too low. */
export const PRIVILEGE: Partial<Record<typeof system, string>> = {
  linux:
    'choose a higher port, grant it to node (setcap cap_net_bind_service=+ep), or lower the limit ' +
    '(sysctl net.ipv4.ip_unprivileged_port_start)',
  darwin: 'choose a higher port, or bind every address (::), which needs no privilege since macOS 10.14',
};

// What a service manager or a container engine runs, it would start again, and others may depend on it.
const isManaged = ({ container }: Holder) => container !== undefined && !container.endsWith('.scope');

// Of the processes that a program starts of itself, none is another instance.
function isFamily({ pid, parent }: HolderProcess): boolean {
  const isSibling = process.send !== undefined && parent?.pid === process.ppid;
  return pid === process.ppid || parent?.pid === process.pid || isSibling;
}

// Whoever is one of these would start it again.
const SUPERVISORS = /\bpm2\b|\bnodemon\b|\bsupervisord\b|\bforever\b|\bcli\.cjs run\b|\bexactbind run\b| --watch\b/i;

const isSupervised = ({ parent }: HolderProcess) => SUPERVISORS.test(parent?.command ?? '');

/** What ends the holders of an address, in the words of the command or, without one, of the system. */
function endingOf({ place, protocol }: Outcome, { pid, port }: Holder): string {
  const command = ownCommand();
  if (command === undefined) return system === 'windows' ? `taskkill /pid ${pid}` : `kill ${pid}`;
  const where = isAny(place.address) ? String(port) : endpoint(place.host, port);
  return `${command} kill ${where}${protocol === 'udp' ? ' --udp' : ''}${system === 'windows' ? ' --force' : ''}`;
}

function whichToEnd(outcome: Outcome): string | undefined {
  const holders = bareInside(outcome.holders);
  const all = holders.flatMap(({ processes = [] }) => processes);
  const areOurs = holders.every((one) => one.sameProgram === true && !one.self && !isManaged(one));
  const [holder] = holders;
  if (holder === undefined || all.length === 0 || !areOurs || all.some(isFamily) || all.some(isSupervised))
    return undefined;
  const first = all[0]?.pid;
  const parents = all.every(({ pid, parent }) => pid === first || parent?.pid === first);
  return parents ? `end the other instance (${endingOf(outcome, holder)}), or choose another port` : undefined;
}

/** What to do now; undefined where nothing can honestly be advised. */
export function remedyOf(outcome: Outcome): string | undefined {
  const { verdict, place, protocol, refusal } = outcome;
  if (verdict === 'listening' || verdict === 'bound') return whichToEnd(outcome);
  if (verdict === 'privileged') return PRIVILEGE[system];
  if (verdict === 'excluded') {
    return `choose another port, or compare "netsh int ipv4 show excludedportrange protocol=${protocol}"`;
  }
  if (verdict === 'denied' && isWsl()) return 'end the program on Windows that has the port, or choose another port';
  if (refusal?.code === 'EINVAL' && isLinkLocal(place.host)) return `name the interface: ${place.host}%eth0`;
  if (refusal?.code === 'EADDRNOTAVAIL') {
    return isAny(place.address) ? undefined : 'bind an address that an interface has, or every address (::)';
  }
  return undefined;
}
