// Who may share an address on macOS (in_pcbbind and in6_pcbbind, XNU bsd/netinet); not run on a Mac yet.
import { isAny, overlap } from '../address.ts';
import { type Answer, bestFitting, both, type Existing, type Newcomer, not, type Rule, strictest } from './rule.ts';

const isConnected = ({ state }: Existing) => state === 'connected' || state === 'time-wait';

// A dual-stack :: is compared with the sockets of IPv4 too, but lets one on 0.0.0.0 be.
const isSeen = (existing: Existing, newcomer: Newcomer) =>
  overlap(existing, newcomer) && (newcomer.family === 4 || existing.address !== '0.0.0.0');

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  if (!isSeen(existing, newcomer)) return 'ok';
  const bothAny = isAny(existing.address) && isAny(newcomer.address);
  const isOthers = newcomer.uid !== 0 && existing.uid !== undefined && existing.uid !== newcomer.uid;
  const sharesPort = both(existing.reusePort, newcomer.reusePort);
  if (isOthers) {
    const isAcross = newcomer.family === 6 && existing.family === 4;
    const excused = isAcross ? existing.reusePort : both(sharesPort, bothAny);
    if (excused !== true) return excused === undefined ? undefined : 'EADDRINUSE';
  }
  // With either option, only an unconnected socket on exactly the same address conflicts; a dual-stack :: is on 0.0.0.0 too.
  if (newcomer.reuseAddress || newcomer.reusePort) {
    if (isConnected(existing) || (existing.address !== newcomer.address && !bothAny)) return 'ok';
  }
  const conflicts = not(sharesPort);
  return conflicts === undefined ? undefined : conflicts ? 'EADDRINUSE' : 'ok';
}

/** Only bind() asks: listen() checks nothing. */
export const darwinRule: Rule = {
  overlaps: overlap,
  bind: (existing, newcomer) => strictest(existing.map((one) => answerBeside(one, newcomer))),
  listen: () => 'ok',
  // The chain has the youngest first; the search ends at an exact address, and keeps the last wildcard it has passed
  // (in_pcblookup_hash, in6_pcblookup_hash).
  receives(sockets, target) {
    const fitting = bestFitting(sockets, target);
    const [oldest] = fitting;
    if (oldest === undefined) return [];
    return [isAny(oldest.address) ? oldest : (fitting.at(-1) as Newcomer)];
  },
};
