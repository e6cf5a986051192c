// exactbind/handover: listening sockets that go from one process to the next.
export { inheritedSockets } from './handover/inherited.ts';
export {
  type HandoverOptions,
  type ListenOrTakeOptions,
  listenOrTake,
  type PathListenOrTakeOptions,
} from './handover/listen-or-take.ts';
export type { OfferedSocket } from './handover/members.ts';
export { notify, type ReadyOptions, type StoredSocket } from './handover/notify.ts';
export { type Offer, type OfferEvents, type OfferOptions, offerSockets } from './handover/offer.ts';
export { type RetireOptions, retire } from './handover/retire.ts';
export { type Succession, type TakenSocket, type TakeOptions, takeSockets } from './handover/take.ts';
