// What exactbind doctor says of this process and its user: privileges, settings, what it can see, the hook.
import type { Facts } from '../lib/door.ts';
import { ABOUT_BINDS, type About, type Finding, say } from './findings.ts';

const { ok, note } = say;

const lowPorts =
  (remedy: string): About =>
  ({ system, lowPorts: { firstUnprivileged, onWildcard, onAddress } }) => {
    if (onWildcard && onAddress) return [ok('low-ports', 'This process may bind every port, the low ones too.')];
    const need = system === 'linux' ? 'CAP_NET_BIND_SERVICE, which this process lacks' : 'root';
    const where = onWildcard ? ' on one address' : '';
    return [note('low-ports', `Ports below ${firstUnprivileged}${where} need ${need}.`, remedy)];
  };

const FOR: Readonly<Record<string, string>> = {
  CAP_NET_BIND_SERVICE: 'low ports',
  CAP_NET_ADMIN: 'SO_MARK, SO_RCVBUFFORCE',
  CAP_NET_RAW: 'SO_BINDTODEVICE where the socket has a device already',
  CAP_SYS_PTRACE: 'the processes of other users',
};

const capabilities: About = ({ process: { capabilities: found } }) => {
  if (found === null) return [];
  if (found.length === 0) {
    return [ok('capabilities', 'This process has no capability that matters here, and the common calls need none.')];
  }
  return [ok('capabilities', `Capabilities: ${found.map((name) => `${name} (${FOR[name]})`).join(', ')}.`)];
};

// Node's default.
const BACKLOG = 511;

/** A setting, the values that are worth a word, and the word. */
interface Setting {
  readonly name: string;
  readonly isUnusual: (value: string) => boolean;
  readonly sentence: (value: string) => string;
  readonly remedy: string;
}

const isOn = (value: string) => value !== '0';

const SETTINGS: readonly Setting[] = [
  ...['net.core.somaxconn', 'kern.ipc.somaxconn'].map((name) => ({
    name,
    isUnusual: (value: string) => Number(value) < BACKLOG,
    sentence: (value: string) => `a listener queues ${value} connections at most, and Node asks for ${BACKLOG}`,
    remedy: `sysctl -w ${name}=4096`,
  })),
  ...['net.ipv4.ip_nonlocal_bind', 'net.ipv6.ip_nonlocal_bind'].map((name) => ({
    name,
    isUnusual: isOn,
    sentence: () => 'bind() accepts an address that no interface has, so a wrong host goes unnoticed',
    remedy: `sysctl -w ${name}=0, and IP_FREEBIND in the program that needs it`,
  })),
  {
    name: 'net.ipv4.ip_autobind_reuse',
    isUnusual: isOn,
    sentence: () =>
      'the port that the system chooses may be one that sockets with SO_REUSEADDR have on another address',
    remedy: 'sysctl -w net.ipv4.ip_autobind_reuse=0',
  },
  ...['net.ipv6.bindv6only', 'net.inet6.ip6.v6only'].map((name) => ({
    name,
    isUnusual: isOn,
    sentence: () => "other programs' :: is IPv6 alone; exactbind's serves both families unless ipv6Only is set",
    remedy: `sysctl -w ${name}=0, or nothing: exactbind and Node set IPV6_V6ONLY themselves`,
  })),
  ...['net.ipv4.tcp_l3mdev_accept', 'net.ipv4.udp_l3mdev_accept'].map((name) => ({
    name,
    isUnusual: isOn,
    sentence: () => 'a socket without a device serves every VRF, and blocks the port there',
    remedy: `sysctl -w ${name}=0 keeps the VRFs apart`,
  })),
  {
    name: 'net.ipv4.tcp_fin_timeout',
    isUnusual: (value) => Number(value) > 60,
    sentence: (value) => `what a client left half closed stays on the port for ${value} s`,
    remedy: 'sysctl -w net.ipv4.tcp_fin_timeout=60',
  },
];

const settings: About = ({ settings: found }) => {
  const unusual = SETTINGS.flatMap(({ name, isUnusual, sentence, remedy }) => {
    const value = found[name];
    return value !== undefined && isUnusual(value)
      ? [note(name, `${name} is ${value}: ${sentence(value)}.`, remedy)]
      : [];
  });
  if (unusual.length > 0 || Object.keys(found).length === 0) return unusual;
  return [ok('settings', 'No system setting (sysctl) changes these answers.')];
};

/** Why some process may not be seen, and what would show it. */
function hiding({ process: { capabilities: found, uid }, sight }: Facts): [why: string, remedy: string][] {
  const why: [string, string][] = [];
  const { hidepid, isFirstPidNamespace } = sight;
  const isPtracer = found?.includes('CAP_SYS_PTRACE') ?? uid === 0;
  if (!isPtracer && hidepid !== null) {
    why.push([`/proc is mounted with hidepid=${hidepid}`, 'mount -o remount,hidepid=0 /proc, as root']);
  }
  if (!isPtracer) why.push(['the sockets of other users have a uid here and no process', 'ask as root (sudo)']);
  if (isFirstPidNamespace === false) {
    why.push(['processes outside this PID namespace have no number in it', 'ask outside the container (--pid=host)']);
  }
  return why;
}

const sight: About = (facts) => {
  const { system, process: own, list } = facts;
  if (system === 'windows') {
    return [ok('sight', 'Windows names the process of each listed socket, for every user.')];
  }
  if (system === 'darwin' && own.uid === 0) return [ok('sight', 'As root, the processes of all users can be seen.')];
  const why = hiding(facts);
  if (why.length === 0 && list.seesEveryProcess) {
    return [ok('sight', 'Every process of this machine can be seen: whoever has a port can be named.')];
  }
  if (why.length === 0) why.push(['some processes are hidden', 'ask as root, outside of any container']);
  const sentence = `Not every holder of a port can be named: ${why.map(([words]) => words).join('; ')}.`;
  return [note('sight', sentence, why.map(([, remedy]) => remedy).join('; '))];
};

const surroundings: About = ({ process: { confinements }, sight: { container, isWsl } }) => {
  const found: Finding[] = [];
  if (container !== null) {
    const sentence = `This process runs in ${container}. Only sockets of its own network are listed, and only these can conflict.`;
    found.push(ok('container', sentence));
  }
  if (isWsl) {
    const sentence = 'Linux runs inside Windows (WSL), whose programs have ports that Linux does not list.';
    found.push(note('wsl', sentence, 'ask on Windows too: netstat -ano'));
  }
  if (confinements.length > 0) {
    const sentence = `A rule may keep this process from ports that nobody has: ${confinements.join(', ')}.`;
    found.push(note('confinement', sentence, 'ask whoever made the rule; its refusals are EACCES or EPERM'));
  }
  return found;
};

const hook: About = ({ hook: { isActive, nodeOptions, path } }) => {
  const option = `NODE_OPTIONS="--require ${path}"`;
  if (!isActive) {
    const sentence = 'The hook is not active: a server that does not call exactbind binds as Node does.';
    return [ok('hook', sentence, `start it with ${option}`)];
  }
  if (nodeOptions === 'exactbind/register') {
    const sentence =
      'The hook is active, by a bare name in NODE_OPTIONS: in a folder where the package is not installed, no program of ' +
      'Node starts.';
    return [note('hook', sentence, option)];
  }
  return [ok('hook', 'The hook is active: every server of a program started here binds exactly.')];
};

/** In the order in which they are printed. */
export function findingsOf(facts: Facts, privilege: string | undefined): Finding[] {
  const remedy = privilege ?? 'choose a higher port';
  const about = [...ABOUT_BINDS, lowPorts(remedy), capabilities, settings, sight, surroundings, hook];
  return about.flatMap((one) => one(facts));
}
