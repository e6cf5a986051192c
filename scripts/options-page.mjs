// Writes docs/options.md: every option, what it does, and what has to be known to set it.

/**
 * @typedef {object} Option a row of native/options.json
 * @property {string} name
 * @property {string} level
 * @property {string} type
 * @property {'A' | 'B' | 'C' | 'D'} tier
 * @property {string} does
 * @property {'get' | 'set'} [direction]
 * @property {number[]} [range]
 * @property {string} [unit]
 * @property {string} [note]
 * @property {string} [privilege]
 * @property {string} [when]
 * @property {boolean} [inherited]
 * @property {number} [linux]
 * @property {number} [darwin]
 * @property {number} [windows]
 */

const SYSTEMS = { linux: 'Linux', darwin: 'macOS', windows: 'Windows' };
const KEYS = /** @type {(keyof typeof SYSTEMS)[]} */ (Object.keys(SYSTEMS));
const LEVELS = {
  SOL_SOCKET: 'Sockets',
  IPPROTO_TCP: 'TCP',
  IPPROTO_IP: 'IPv4',
  IPPROTO_IPV6: 'IPv6',
  IPPROTO_UDP: 'UDP',
  SOL_LOCAL: 'AF_UNIX on macOS',
  SOL_MPTCP: 'Multipath TCP',
  SOL_TLS: 'TLS in the kernel',
  WSAIoctl: 'WSAIoctl() on Windows',
};
// Windows alone sets these apart.
/** @type {Record<string, string>} */
const HOMES = { SOL_IP: 'IPPROTO_IP', SOL_IPV6: 'IPPROTO_IPV6' };

/** @type {Record<string, string>} */
const VALUES = {
  bool: 'boolean',
  int: 'number',
  uint8: 'number',
  uint16: 'number',
  uint32: 'number',
  pid: 'number',
  ifindex: 'number (interface index)',
  ifindex_be: 'number (interface index)',
  ifindex_be6: 'number (interface index)',
  uint64: 'bigint',
  timeval: 'number',
  string: 'string',
  label: 'string',
  ifname: 'string',
  uuid: 'string',
  in_addr: 'string',
  linger: '`{ onoff, linger }`',
  linger_sec: '`{ onoff, linger }`',
  void: 'undefined',
  uint32_list: 'number[]',
  meminfo: '`{ rmemAlloc, rcvbuf, … }`',
  port_range: '`{ low, high }`',
  mtu_discover: 'word or number',
  ip_mreq: '`{ group, interface? }`',
  ip_mreq_source: '`{ group, source, interface? }`',
  ipv6_mreq: '`{ group, interface? }`',
  group_req: '`{ group, interface? }`',
  group_source_req: '`{ group, source, interface? }`',
  sockaddr: '`{ address, family, port }`',
  mtuinfo: '`{ address, mtu }`',
  ucred: '`{ pid, uid, gid }` or null',
  xucred: '`{ uid, groups }`',
  tcp_info: 'fields by name',
  tcp_connection_info: 'fields by name',
  tcp_info_v1: 'fields by name',
  tcp_keepalive: '`{ onoff, time, interval }`',
  tcp_initial_rto: '`{ rtt, retransmissions }`',
  bytes: 'Buffer',
  program: 'Buffer',
  none: 'constant only',
};

const DIRECTIONS = { get: ', read only', set: ', set only' };

/** @param {number | undefined} number */
const numberOf = (number) => (number === undefined ? '–' : `${number > 2 ** 31 ? `0x${number.toString(16)}` : number}`);
/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|');
/** @type {(head: string[], rows: string[][]) => string[]} */
const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);

/** @param {Option} option */
function describeValue({ type, direction, range, unit }) {
  if (!(type in VALUES)) throw new Error(`no description of the type ${type}`);
  const within = range === undefined ? '' : `, ${range[0]} to ${range[1]}`;
  return `${VALUES[type]}${within}${unit === undefined ? '' : `, ${unit}`}${direction === undefined ? '' : DIRECTIONS[direction]}`;
}

/** @param {Option} option */
function row(option) {
  const { name, does, note, privilege, when, inherited } = option;
  const details = [does, note && `${note.startsWith('macOS') ? 'm' : note[0].toUpperCase()}${note.slice(1)}.`]
    .filter(Boolean)
    .join(' ');
  return [
    `\`${name}\``,
    ...KEYS.map((system) => numberOf(option[system])),
    describeValue(option),
    details,
    when ?? '',
    privilege ?? '',
    inherited === undefined ? '' : inherited ? 'yes' : 'no',
  ].map(cell);
}

/**
 * The page as text.
 * @param {Option[]} options
 * @param {string} notice
 */
export function referencePage(options, notice) {
  /** @param {(option: Option) => boolean} keep */
  const count = (keep) => options.filter(keep).length;
  const lines = [
    '# Socket options',
    '',
    notice,
    '',
    `${options.length} options that a TCP, UDP or Unix socket can carry: ${count(({ tier }) => tier === 'A' || tier === 'B')} with a typed value, ${count(({ tier }) => tier === 'C')} whose value is a`,
    `Buffer in the kernel's own layout, and ${count(({ tier }) => tier === 'D')} that are constants for \`getRawOption()\` and \`setRawOption()\`.`,
    'See [raw-options.md](raw-options.md) for the functions.',
    '',
    '- The numbers are those of the generic architectures; at run time the number comes from the headers of the system that the',
    '  addon was compiled for, if they have it.',
    '- "When" is empty where the option may be set at any time.',
    '- "Privilege" names what Linux asks for unless another system is named.',
    '- "Inherited" says whether a connection has what was set on its listener: measured on Linux by a test; empty where there is',
    '  nothing to measure.',
    '',
  ];
  for (const [level, title] of Object.entries(LEVELS)) {
    const rows = options.filter((option) => (HOMES[option.level] ?? option.level) === level).map(row);
    const head = ['', ...Object.values(SYSTEMS), 'value', 'what it does', 'when', 'privilege', 'inherited'];
    lines.push(`## ${title}: ${level}`, '', ...table(head, rows), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
