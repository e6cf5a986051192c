// The public names of the package.
export { BoundSocket } from './bound-socket.ts';
export type { SystemError } from './errors.ts';
export { listen } from './listen.ts';
export type { BindOptions, ListenOptions } from './options.ts';
export type { BindOutcome, Leftovers, Protocol, Sharing } from './policy/policy.ts';
export type {
  GettableName,
  Ipv6Membership,
  Linger,
  Membership,
  OptionName,
  OptionValues,
  PortRange,
  SocketOptions,
  SourceMembership,
} from './socket-options/values.ts';
export { bindUdp } from './udp.ts';
