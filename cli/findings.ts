// What exactbind doctor says of the facts of a machine: a sentence each, how bad it is, and what to do.
import type { Facts, Ports } from '../lib/door.ts';

/** `'problem'`: something does not work. `'note'`: it works, and less is promised or seen than elsewhere. */
export type Level = 'ok' | 'note' | 'problem';

export interface Finding {
  /** Stays the same from version to version. */
  readonly id: string;
  readonly level: Level;
  readonly sentence: string;
  /** What to do about it; always there unless the level is `'ok'`. */
  readonly remedy?: string;
}

type About = (facts: Facts) => readonly Finding[];

const ok = (id: string, sentence: string, remedy?: string): Finding => ({
  ...{ id, level: 'ok', sentence },
  ...(remedy !== undefined && { remedy }),
});
const note = (id: string, sentence: string, remedy: string): Finding => ({ id, level: 'note', sentence, remedy });
const problem = (id: string, sentence: string, remedy: string): Finding => ({ id, level: 'problem', sentence, remedy });

export const rangeWords = ({ first, last }: Ports) => (first === last ? String(first) : `${first}-${last}`);

const MOST_RANGES = 8;

function rangesWords(ranges: readonly Ports[]): string {
  const more = ranges.length > MOST_RANGES ? `, and ${ranges.length - MOST_RANGES} more` : '';
  return `${ranges.slice(0, MOST_RANGES).map(rangeWords).join(', ')}${more}`;
}

const binary: About = ({ binary: { path, why } }) => {
  const reason = {
    compiled: 'it was compiled in this copy of the package, and comes before a prebuilt one',
    prebuilt: 'it is the prebuilt one of this platform',
    'node-gyp-build': 'node-gyp-build found it, and this copy of the package has no other',
  }[why];
  return [ok('binary', `The native part is ${path}: ${reason}.`)];
};

const exclusive: About = ({ system, tried: { plain } }) => {
  if (plain.host === null) {
    const remedy = 'run exactbind inspect PORT: it names the rule, if that is known';
    return [problem('exclusive', `This process cannot bind any address: ${plain.code}.`, remedy)];
  }
  const what = `The default, every address (${plain.host})`;
  if (plain.exclusivity === 'full') {
    return [ok('exclusive', `${what}, is fully exclusive: no other user can get what is meant for it.`)];
  }
  const remedy =
    system === 'darwin' ? 'bind each address that you serve: a single address is fully exclusive' : 'set guard: true';
  return [note('exclusive', `${what}, is partly exclusive: ${plain.caveat}.`, remedy)];
};

const guard: About = ({ system, tried: { guard: tried } }) => {
  if (tried.exclusivity === 'full') {
    const held = 'A specific address with guard: true is fully exclusive';
    return [ok('guard', system === 'linux' ? `${held}: a second socket holds the port everywhere else.` : `${held}.`)];
  }
  if (tried.host === null) {
    const remedy = 'run exactbind inspect PORT: it names the rule, if that is known';
    return [problem('guard', `guard: true fails: ${tried.code}.`, remedy)];
  }
  const remedy = 'name a port, or free some ephemeral ports';
  return [problem('guard', `guard: true does not help: ${tried.caveat}.`, remedy)];
};

const UNREADABLE: Record<Facts['system'], string> = {
  linux: 'allow NETLINK_SOCK_DIAG sockets: the sandbox or container refuses them',
  darwin: 'do nothing: throw-away binds tell whether a port is held, but no holder is named',
  windows: 'run it outside the sandbox that refuses GetExtendedTcpTable()',
};

const list: About = ({ system, release, list: { error, hasBound } }) => {
  if (error !== null) {
    const sentence = `The list of sockets cannot be read: ${error}. No holder of a port can be named.`;
    return [(system === 'darwin' ? note : problem)('list', sentence, UNREADABLE[system])];
  }
  if (hasBound)
    return [ok('list', 'The list of sockets is complete: it also shows sockets that are bound and do not listen.')];
  const sentence = 'The list of sockets lacks TCP sockets that are bound and do not listen';
  if (system !== 'linux') return [ok('list', `${sentence}: a throw-away bind finds them.`)];
  const remedy = "Linux 6.8 lists them; until then leftovers: 'refuse' or guard: true leaves nothing to be missed";
  return [note('list', `${sentence} (Linux ${release}): over leftovers, a stranger may be missed.`, remedy)];
};

const ipv6: About = ({ system, settings, tried: { plain } }) => {
  if (plain.host === null) return [];
  const isOffAt = (name: string) => settings[`net.ipv6.conf.${name}.disable_ipv6`] === '1';
  const remedy = (name: string) =>
    `sysctl -w net.ipv6.conf.${name}.disable_ipv6=0 (docker run --sysctl net.ipv6.conf.${name}.disable_ipv6=0)`;
  if (plain.host !== '::') {
    const sentence = `This machine has no IPv6 (no ::): the default host is ${plain.host}, and ::1 cannot be bound.`;
    return [note('ipv6', sentence, system === 'linux' ? remedy('all') : 'switch IPv6 on for a network interface')];
  }
  if (isOffAt('lo')) {
    const sentence = 'IPv6 is off on the loopback interface: :: can be bound, but ::1 cannot.';
    return [note('ipv6', sentence, remedy('lo'))];
  }
  return [ok('ipv6', 'IPv6 works: the default host is ::, which serves IPv4 too.')];
};

// Where servers usually are.
const USUAL = [3000, 5000, 8000, 8080];
const FEW = 1000;

const HOW_TO_SHOW: Record<Facts['system'], string> = {
  linux: 'sysctl net.ipv4.ip_local_port_range',
  darwin: 'sysctl net.inet.ip.portrange',
  windows: 'netsh interface ipv4 show dynamicportrange tcp',
};

function keepingOut({ system }: Facts, ports: readonly number[]): string {
  const names = ports.join(',');
  if (system === 'linux')
    return `sysctl -w net.ipv4.ip_local_reserved_ports=${names} keeps them for programs that name them`;
  if (system === 'darwin') return 'sysctl -w net.inet.ip.portrange.first=49152';
  return 'netsh interface ipv4 set dynamicportrange tcp start=49152 num=16384';
}

const ephemeral: About = (facts) => {
  const range = facts.ports.ephemeral.tcp;
  if (range === null) {
    const sentence = 'The system does not tell which ports it chooses from.';
    return [note('ephemeral', sentence, HOW_TO_SHOW[facts.system])];
  }
  const count = range.last - range.first + 1;
  const sentence = `The system chooses ports from ${range.first} to ${range.last} (port 0, outgoing connections)`;
  const isReserved = (port: number) => facts.ports.reserved?.some(({ first, last }) => port >= first && port <= last);
  const usual = USUAL.filter((port) => port >= range.first && port <= range.last && !isReserved(port));
  if (usual.length > 0) {
    const what = `${sentence}. That includes ${usual.join(', ')}: an outgoing connection can take one of these.`;
    return [note('ephemeral', what, keepingOut(facts, usual))];
  }
  if (count < FEW) {
    const remedy = facts.system === 'linux' ? 'sysctl -w net.ipv4.ip_local_port_range="32768 60999"' : '';
    return [note('ephemeral', `${sentence}: ${count} run out soon.`, remedy || keepingOut(facts, []))];
  }
  return [ok('ephemeral', `${sentence}. Give a server a port outside this range.`)];
};

const reserved: About = ({ system, ports: { reserved: ranges } }) => {
  if (system !== 'linux' || ranges === null || ranges.length === 0) return [];
  const sentence = `Reserved: the system never chooses these by itself, but programs can bind them: ${rangesWords(ranges)}.`;
  return [ok('reserved', sentence, 'sysctl net.ipv4.ip_local_reserved_ports shows all of them')];
};

const EXCLUDED: Record<Facts['system'], string> = {
  linux: '',
  darwin: 'choose another port: the system keeps it for its own programs',
  windows: 'choose another port, or end what took the range (Hyper-V, WinNAT: net stop winnat)',
};

const excluded: About = ({ system, ports: { excluded: ranges } }) =>
  (['tcp', 'udp'] as const).flatMap((protocol) => {
    const found = ranges[protocol];
    const id = `excluded-${protocol}`;
    if (found === null) {
      const command = `netsh interface ipv4 show excludedportrange ${protocol}`;
      return [note(id, `The system does not tell which ${protocol.toUpperCase()} ports it refuses.`, command)];
    }
    if (found.length === 0) return [];
    const sentence = `The system refuses these ${protocol.toUpperCase()} ports, although nobody has them: ${rangesWords(found)}.`;
    return [note(id, sentence, EXCLUDED[system])];
  });

export const ABOUT_BINDS: readonly About[] = [binary, exclusive, guard, list, ipv6, ephemeral, reserved, excluded];

export const say = { ok, note, problem };
export type { About };
