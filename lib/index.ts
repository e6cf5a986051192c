// The public names of the package.
export { BoundSocket } from './bound-socket.ts';
export type { SystemError } from './errors.ts';
export { inspectPort, inspectPortSync } from './inspect/index.ts';
export type { Bindable, Holder, InspectOptions, PortReport, Verdict } from './inspect/report.ts';
export { listen } from './listen.ts';
export type { BindOptions, ListenOptions, WaitOptions } from './options.ts';
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
export { type WaitForPortOptions, waitForPort } from './wait.ts';
