// The TypeScript type of each option's value, inferred from its row in the table.
import type { ConstantOnly, OptionTable, OtherConstant } from './table.ts';

/** `SO_LINGER`: seconds, on every system (macOS itself counts clock ticks). */
export interface Linger {
  onoff: boolean;
  linger: number;
}

/** `IP_LOCAL_PORT_RANGE`: the first and last ephemeral port, 0 for the system's own limit. */
export interface PortRange {
  low: number;
  high: number;
}

/** A multicast membership; `interface` is an IPv4 address, or an index for IPv6. */
export interface Membership {
  group: string;
  interface?: string;
}
export interface SourceMembership extends Membership {
  source: string;
}
export interface Ipv6Membership {
  group: string;
  interface?: number;
}

/** A multicast membership of either family, by the index of the interface. */
export type GroupMembership = Ipv6Membership;
export interface GroupSourceMembership extends Ipv6Membership {
  source: string;
}

/** `IP_MTU_DISCOVER`: Windows has `'not-set'` in place of `'want'`, and neither `'interface'` nor `'omit'`. */
export type MtuDiscovery = 'dont' | 'want' | 'do' | 'probe' | 'interface' | 'omit' | 'not-set';

/** `SO_MEMINFO`: bytes, and packets for `backlog` and `drops`; as `skmem` in ss(8). */
export interface MemInfo {
  rmemAlloc: number;
  rcvbuf: number;
  wmemAlloc: number;
  sndbuf: number;
  fwdAlloc: number;
  wmemQueued: number;
  optmem: number;
  backlog: number;
  drops: number;
}

export interface SocketAddress {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** `IPV6_PATHMTU`: bytes, and the destination. */
export interface PathMtu {
  address: string;
  mtu: number;
}

/** `SO_PEERCRED`: the peer when it connected. */
export interface Ucred {
  pid: number;
  uid: number;
  gid: number;
}

/** `LOCAL_PEERCRED`: the peer when it connected; its group is the first. */
export interface Xucred {
  uid: number;
  groups: number[];
}

/** The fields of a kernel's structure by its own names, as far as the running system fills them; 64-bit ones are bigints. */
export type RawFields = Readonly<Record<string, number | bigint>>;

/** `SIO_KEEPALIVE_VALS`: milliseconds. */
export interface KeepAliveValues {
  onoff: boolean;
  time: number;
  interval: number;
}

/** `SIO_TCP_INITIAL_RTO`: milliseconds, and how often the SYN is retransmitted. */
export interface InitialRto {
  rtt: number;
  retransmissions: number;
}

/** The TypeScript type of each value type of the table. */
export interface ValueTypes {
  bool: boolean;
  int: number;
  uint8: number;
  uint16: number;
  uint32: number;
  uint64: bigint;
  pid: number;
  timeval: number;
  timeval64: number;
  void: undefined;
  linger: Linger;
  linger_sec: Linger;
  string: string;
  label: string;
  ifname: string;
  uuid: string;
  ifindex: number;
  ifindex_be: number;
  ifindex_be6: number;
  uint32_list: number[];
  meminfo: MemInfo;
  port_range: PortRange;
  mtu_discover: MtuDiscovery | number;
  in_addr: string;
  ip_mreq: Membership;
  ip_mreq_source: SourceMembership;
  ipv6_mreq: Ipv6Membership;
  group_req: GroupMembership;
  group_source_req: GroupSourceMembership;
  sockaddr: SocketAddress;
  mtuinfo: PathMtu;
  ucred: Ucred | null;
  xucred: Xucred;
  tcp_info: RawFields;
  tcp_connection_info: RawFields;
  tcp_info_v1: RawFields;
  tcp_keepalive: KeepAliveValues;
  tcp_initial_rto: InitialRto;
  bytes: Buffer;
  program: Buffer;
}

/** The options known by name. */
export type OptionName = keyof OptionTable;

/** The names that getsockopt() answers. */
export type GettableName = {
  [Name in OptionName]: OptionTable[Name]['direction'] extends 'set' ? never : Name;
}[OptionName];

/** The names that setsockopt() takes. */
export type SettableName = {
  [Name in OptionName]: OptionTable[Name]['direction'] extends 'get' ? never : Name;
}[OptionName];

/** The value of each option, by name. */
export type OptionValues = { [Name in OptionName]: ValueTypes[OptionTable[Name]['type']] };

/** Options to set before bind or connect, by name. */
export type SocketOptions = { [Name in SettableName]?: OptionValues[Name] };

/** Every name that `constants` may have: options, levels, families and types. */
export type ConstantName = OptionName | ConstantOnly | OtherConstant;
