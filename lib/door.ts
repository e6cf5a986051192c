// What the command and the matrix use of the library, which they enter here: no public name, but for what index.ts has.
export { addon, type Handle } from './addon.ts';
export { type Canonical, canonical, endpoint, isAny, isMappedAny, type Local, overlap } from './address.ts';
export type { UdpHandle } from './adopt/handle-classes.ts';
export { OutgoingSocket } from './adopt/outgoing-socket.ts';
export { resolveHost } from './adopt/resolve-host.ts';
export { adoptTcp } from './adopt/tcp.ts';
export { bindInHandle } from './adopt/udp.ts';
export { BoundSocket } from './bound-socket.ts';
export { codeOf, notSupported } from './errors.ts';
export { ancestryOf } from './inspect/ancestry.ts';
export { inspectPort } from './inspect/index.ts';
export { PRIVILEGE } from './inspect/reasons.ts';
export type { Bindable, Holder, HolderProcess, PortReport, Verdict } from './inspect/report.ts';
export { whoHolds } from './inspect/sentence.ts';
export { machineFacts } from './machine/index.ts';
export type { Facts, ModePromise, Ports } from './machine/machine.ts';
export { familyNumber, typeNumber } from './numbers.ts';
export { type System, system } from './platform.ts';
export { portRange } from './port-range.ts';
export { printable } from './printable.ts';
export { listSockets, STATE } from './socket-list.ts';
export { settingsWords } from './socket-options/lookup.ts';
export type { DarwinCase } from './systems/darwin.ts';
export type { LinuxCase } from './systems/linux.ts';
export { SYSTEMS } from './systems/running.ts';
export {
  answersBy,
  bestFitting,
  type Decision,
  decisive,
  type Existing,
  type Newcomer,
  type Protocol,
  type Rule,
  type SharingOptions,
} from './systems/system.ts';
export type { WindowsCase } from './systems/windows.ts';
export type { PathHolder, PathReport } from './unix/report.ts';
export { shownPath } from './unix/request.ts';
export { waitForPort } from './wait.ts';
