// Why a pair of sockets ends as it does: a sentence for each case of a rule, and the function or the page that says so.
import type { DarwinCase, LinuxCase, Protocol, WindowsCase } from '../lib/door.ts';
import type { MatrixSystem, Results } from './cells.ts';
import type { Because, ReceivingCase } from './predict.ts';
import type { WineCase } from './wine.ts';

/** A function of a kernel and its file, or a page of a vendor's. */
export interface Source {
  readonly name: string;
  readonly where: string;
  readonly url: string;
}

export interface Reason {
  readonly text: string;
  readonly source: Source;
}

const UNTOLD = 'What is known of the other socket does not decide it.';
const APART = 'The two sockets have no address in common.';
const UNCHECKED = 'listen() checks nothing here: only bind() asks who else has the port.';

const LINUX = {
  apart: APART,
  untold: UNTOLD,
  'both-reuse-address': 'Both sockets set SO_REUSEADDR, and the other one does not listen.',
  'both-reuse-port': 'Both sockets set SO_REUSEPORT, and one user owns both, or the other is a leftover of nobody.',
  listening: 'Both sockets set SO_REUSEADDR, but the other one listens: beside a listener SO_REUSEADDR does not count.',
  'another-user': 'Both sockets set SO_REUSEPORT, but another user owns the other one.',
  'no-common-option': 'The addresses overlap, and the sockets share neither SO_REUSEADDR nor SO_REUSEPORT.',
  'quick-check':
    'The last socket bound to the port had SO_REUSEPORT and the same user, and covers this address: the quick check asks no more.',
} as const satisfies Record<LinuxCase, string>;

const DARWIN = {
  apart: 'The kernel finds nobody that is in the way of this address.',
  untold: UNTOLD,
  'let-be': 'Both are wildcards of different kinds, as :: and 0.0.0.0 are, and the kernel lets the other one be.',
  'both-reuse-port': 'Both sockets set SO_REUSEPORT.',
  'not-both-reuse-port':
    'The other socket is the nearest that the kernel finds, and the two do not both set SO_REUSEPORT.',
  'another-user': 'Another user owns the socket that the kernel finds, and the two do not both set SO_REUSEPORT.',
  'another-users-group': 'Both sockets set SO_REUSEPORT, but two users share a port on wildcards only.',
  'not-exact':
    'The newcomer sets SO_REUSEADDR or SO_REUSEPORT: then only an unconnected socket on exactly the same address is in its way.',
  unchecked: UNCHECKED,
} as const satisfies Record<DarwinCase, string>;

const WINDOWS = {
  apart: APART,
  untold: UNTOLD,
  'bound-client': 'No source tells what happens beside a client that bound the port itself.',
  'both-exclusive': 'An exclusive listener comes back over connections that an exclusive listener has accepted.',
  connection: 'Connections keep nobody from the port unless their listener was exclusive.',
  'exclusive-connection': 'A connection of an exclusive listener can keep others away; no source tells when.',
  'exclusive-wildcard': 'The first wildcard is exclusive (SO_EXCLUSIVEADDRUSE) and covers both families.',
  'two-wildcards': 'A dual-stack :: and 0.0.0.0 are two wildcards, and share a port unless the first is exclusive.',
  'no-reuse-address': 'The other socket is on the same address, and the newcomer does not set SO_REUSEADDR.',
  'both-reuse-address':
    'Both sockets set SO_REUSEADDR, which on Windows shares an address with anybody who sets it too.',
  'first-without-reuse-address': 'The newcomer sets SO_REUSEADDR, but the other socket does not.',
  'wildcard-above-exclusive': 'An exclusive wildcard cannot be bound while somebody has one of its addresses.',
  'wildcard-above': 'A wildcard without SO_EXCLUSIVEADDRUSE can be bound beside a specific address.',
  exclusive: 'The other socket is exclusive (SO_EXCLUSIVEADDRUSE).',
  'same-user': 'One user owns both sockets, one on a wildcard and one on a specific address.',
  'another-user': 'Another user owns the wildcard, and the two do not both set SO_REUSEADDR.',
  unchecked: UNCHECKED,
} as const satisfies Record<WindowsCase, string>;

const WINE = {
  untold: UNTOLD,
  apart: APART,
  'both-reuse-address': LINUX['both-reuse-address'],
  'exclusive-wildcard': "Wine's server keeps an exclusive wildcard for its whole family.",
  'no-common-option': "Wine's server has the address already, and the newcomer does not set SO_REUSEADDR.",
  'reuse-address-alone': 'The newcomer sets SO_REUSEADDR, but the other socket does not.',
} as const satisfies Record<WineCase, string>;

const ALONE = 'It alone serves this address.';
const GROUP = 'Both are in one group of SO_REUSEPORT, and the kernel spreads what comes over it.';
const BEST = 'Its address fits best: an exact address comes before a wildcard, and a wildcard of the family before ::.';

const RECEIVES = {
  linux: {
    alone: ALONE,
    'best-fit': BEST,
    group: GROUP,
    younger: 'Both fit equally well, and the kernel finds the younger one first.',
    older:
      'Both fit equally well. An IPv6 socket with SO_REUSEPORT goes to the tail of the chain: the older one is found first.',
    untold: UNTOLD,
  },
  darwin: {
    alone: ALONE,
    'best-fit': BEST,
    group: GROUP,
    younger: 'Both have the exact address, and the kernel finds the younger one first.',
    older: 'Both are wildcards, and the kernel keeps the last that it has passed, which is the older one.',
    untold: UNTOLD,
  },
  windows: {
    alone: ALONE,
    'best-fit': 'The more specific address wins.',
    group: GROUP,
    younger: 'Both fit equally well, and the younger one was seen to receive.',
    older: 'Both fit equally well: Microsoft calls it indeterminate, and the first was seen to get every connection.',
    untold: 'Both fit equally well: Microsoft calls it indeterminate.',
  },
} as const satisfies Record<string, Record<ReceivingCase, string>>;

const LINUX_AT = 'https://github.com/torvalds/linux/blob/master/';
const XNU_AT = 'https://github.com/apple-oss-distributions/xnu/blob/main/';
const WINE_AT = 'https://gitlab.winehq.org/wine/wine/-/blob/master/';

const inFile = (base: string, where: string, name: string): Source => ({ name, where, url: base + where });

type Asked = Readonly<{ key: keyof Results; protocol: Protocol; because: Because }>;

function inLinux({ key, protocol, because: { by, family } }: Asked): Source {
  const isTcp = protocol === 'tcp';
  if (key === 'receives' && by === 'group')
    return inFile(LINUX_AT, 'net/core/sock_reuseport.c', 'reuseport_select_sock()');
  if (key === 'receives' && isTcp) {
    return family === 4
      ? inFile(LINUX_AT, 'net/ipv4/inet_hashtables.c', 'inet_lhash2_lookup()')
      : inFile(LINUX_AT, 'net/ipv6/inet6_hashtables.c', 'inet6_lhash2_lookup()');
  }
  if (key === 'receives') return inFile(LINUX_AT, `net/ipv${family}/udp.c`, `udp${family}_lib_lookup2()`);
  if (!isTcp) return inFile(LINUX_AT, 'net/ipv4/udp.c', 'udp_lib_lport_inuse()');
  const file = 'net/ipv4/inet_connection_sock.c';
  if (by === 'apart') return inFile(LINUX_AT, file, 'inet_rcv_saddr_equal()');
  if (by === 'quick-check') return inFile(LINUX_AT, file, 'sk_reuseport_match()');
  // listen() asks the same question again, through inet_csk_get_port().
  return inFile(LINUX_AT, file, key === 'bind' ? 'inet_csk_bind_conflict()' : 'inet_csk_listen_start()');
}

function inXnu({ key, because: { family } }: Asked): Source {
  const file = family === 4 ? 'bsd/netinet/in_pcb.c' : 'bsd/netinet6/in6_pcb.c';
  const prefix = family === 4 ? 'in_' : 'in6_';
  if (key === 'receives') return inFile(XNU_AT, file, `${prefix}pcblookup_hash()`);
  if (key === 'bind') return inFile(XNU_AT, file, `${prefix}pcbbind()`);
  return inFile(XNU_AT, 'bsd/netinet/tcp_usrreq.c', family === 4 ? 'tcp_usr_listen()' : 'tcp6_usr_listen()');
}

const MICROSOFT: Source = {
  name: 'Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE',
  where: 'Microsoft Learn',
  url: 'https://learn.microsoft.com/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse',
};

// By their names, which the rules have checked.
const textIn = (texts: Readonly<Record<string, string>>, by: string): string => texts[by] as string;

/** The reason of a result that a rule gives. */
export function reasonOf(os: MatrixSystem, asked: Asked): Reason {
  const { key, because } = asked;
  const isReceived = key === 'receives';
  if (os === 'linux') return { text: textIn(isReceived ? RECEIVES.linux : LINUX, because.by), source: inLinux(asked) };
  if (os === 'darwin') return { text: textIn(isReceived ? RECEIVES.darwin : DARWIN, because.by), source: inXnu(asked) };
  if (os === 'windows') return { text: textIn(isReceived ? RECEIVES.windows : WINDOWS, because.by), source: MICROSOFT };
  // Wine asks the Linux below it, where its own table has no objection.
  const by = because.by.replace(/^linux /, '');
  if (isReceived || by !== because.by) return reasonOf('linux', { ...asked, because: { ...because, by } });
  return { text: textIn(WINE, by), source: inFile(WINE_AT, 'server/sock.c', 'check_addr_usage()') };
}
