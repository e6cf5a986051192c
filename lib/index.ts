// The public names of the package.
export type {
  BindOptions,
  ListenOptions,
  PathBindOptions,
  PathListenOptions,
  Ports,
  WaitOptions,
} from './bind/request.ts';
export { BoundSocket } from './bound-socket.ts';
export { type ConnectOptions, type ConnectorCallback, type ConnectorTarget, connect, connector } from './connect.ts';
export type { SystemError } from './errors.ts';
export { inspectPort, inspectPortSync } from './inspect/index.ts';
export type {
  Bindable,
  Holder,
  HolderProcess,
  InspectOptions,
  InspectPathOptions,
  PortReport,
  Verdict,
} from './inspect/report.ts';
export { listen } from './listen.ts';
export { getPeerCredentials, type PeerCredentials } from './peer-credentials.ts';
export { portRange } from './port-range.ts';
export { type AnySocket, getOption, getRawOption, setOption, setRawOption } from './raw-options.ts';
export { constants } from './socket-options/constants.ts';
export { isSupported } from './socket-options/support.ts';
export type {
  ConstantName,
  GettableName,
  GroupMembership,
  GroupSourceMembership,
  InitialRto,
  Ipv6Membership,
  KeepAliveValues,
  Linger,
  Membership,
  MemInfo,
  MtuDiscovery,
  OptionName,
  OptionValues,
  PathMtu,
  PortRange,
  RawFields,
  SettableName,
  SocketAddress,
  SocketOptions,
  SourceMembership,
  Ucred,
  Xucred,
} from './socket-options/values.ts';
export type { BindOutcome, Leftovers, Protocol, Sharing } from './systems/system.ts';
export { getTcpInfo, type TcpInfo, type TcpState } from './tcp-info.ts';
export { bindUdp } from './udp.ts';
export type { PathHolder, PathReport } from './unix/report.ts';
export { type WaitForPortOptions, waitForPort } from './wait.ts';
