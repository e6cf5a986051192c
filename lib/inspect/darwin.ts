// Who may share an address on macOS (in_pcbbind and in6_pcbbind, XNU bsd/netinet); not run on a Mac yet.
import { isAny, overlap } from '../address.ts';
import { type Answer, bestFitting, both, type Existing, type Newcomer, not, type Rule, strictest } from './rule.ts';

const isConnected = ({ state }: Existing) => state === 'connected' || state === 'time-wait';

// An IPv6 newcomer is compared with IPv6 sockets alone, an IPv4 one with dual-stack sockets too.
const isSeen = (existing: Existing, newcomer: Newcomer) =>
  newcomer.family === 4 ? existing.family === 4 || !existing.ipv6Only : existing.family === 6;

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  if (!isSeen(existing, newcomer) || !overlap(existing, newcomer)) return 'ok';
  const bothAny = isAny(existing.address) && isAny(newcomer.address);
  const isOthers = newcomer.uid !== 0 && existing.uid !== undefined && existing.uid !== newcomer.uid;
  const sharesPort = both(existing.reusePort, newcomer.reusePort);
  if (isOthers) {
    const excused = both(sharesPort, bothAny);
    if (excused !== true) return excused === undefined ? undefined : 'EADDRINUSE';
  }
  // With either option, only an unconnected socket on exactly the same address conflicts.
  if (newcomer.reuseAddress || newcomer.reusePort) {
    if (isConnected(existing) || existing.address !== newcomer.address) return 'ok';
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
