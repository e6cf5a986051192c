// What the command and the matrix use of the library, which they enter here: no public name, but for what index.ts has.
export { addon, type Handle } from './addon.ts';
export { canonical, endpoint, isAny, type Local, overlap } from './address.ts';
export type { UdpHandle } from './adopt/handle-classes.ts';
export { OutgoingSocket } from './adopt/outgoing-socket.ts';
export { adoptTcp } from './adopt/tcp.ts';
export { bindInHandle } from './adopt/udp.ts';
export { BoundSocket } from './bound-socket.ts';
export { codeOf, notSupported } from './errors.ts';
export { inspectPort } from './inspect/index.ts';
export type { Bindable, Holder, HolderProcess, PortReport, Verdict } from './inspect/report.ts';
export { whoHolds } from './inspect/sentence.ts';
export { familyNumber, typeNumber } from './numbers.ts';
export { type System, system } from './platform.ts';
export { printable } from './printable.ts';
export { listSockets, STATE } from './socket-list.ts';
export { settingsWords } from './socket-options/lookup.ts';
export { SYSTEMS } from './systems/running.ts';
export {
  type Answer,
  type Existing,
  type Newcomer,
  type Protocol,
  type Rule,
  type SharingOptions,
  strictest,
} from './systems/system.ts';
