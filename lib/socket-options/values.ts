// The TypeScript type of each option's value, inferred from its row in the table.
import type { OPTIONS } from './table.ts';

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

/** The TypeScript type of each value type of the table. */
export interface ValueTypes {
  bool: boolean;
  int: number;
  uint32: number;
  uint64: bigint;
  linger: Linger;
  string: string;
  ifname: string;
  ifindex: number;
  ifindex_be: number;
  ifindex_be6: number;
  port_range: PortRange;
  in_addr: string;
  ip_mreq: Membership;
  ip_mreq_source: SourceMembership;
  ipv6_mreq: Ipv6Membership;
}

type Table = typeof OPTIONS;

/** The options known by name. */
export type OptionName = keyof Table;

/** The names that getsockopt() answers. */
export type GettableName = { [Name in OptionName]: Table[Name]['get'] extends true ? Name : never }[OptionName];

/** The value of each option, by name. */
export type OptionValues = { [Name in OptionName]: ValueTypes[Table[Name]['type']] };

/** Options to set before bind, by name. */
export type SocketOptions = { [Name in OptionName]?: OptionValues[Name] };
