// Who may share an address on Windows ("Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE", Microsoft Learn); not run on Windows yet.
import { isAny, overlap } from '../address.ts';
import { type Answer, bestFitting, type Existing, either, type Newcomer, type Rule, strictest } from './rule.ts';

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  if (!overlap(existing, newcomer)) return 'ok';
  // What an exclusive listener has accepted keeps others from its port while it is active, says the page, and not with which
  // error; of what is closing it says that it is complicated, and of a client that was bound itself nothing.
  if (existing.state === 'connected' || existing.state === 'time-wait') {
    const isExclusive = either(existing.exclusive, newcomer.exclusive);
    return isExclusive === false && existing.boundTo === undefined ? 'ok' : undefined;
  }
  // No table tells whether a :: covers IPv4 too.
  if (existing.family === 6 && newcomer.family === 4 && existing.ipv6Only === undefined) return undefined;
  const wasAny = isAny(existing.address);
  const isNowAny = isAny(newcomer.address);
  if (wasAny === isNowAny) {
    if (!newcomer.reuseAddress) return 'EADDRINUSE';
    if (existing.reuseAddress === undefined) return undefined;
    return existing.reuseAddress ? 'ok' : 'EACCES';
  }
  if (isNowAny) return newcomer.exclusive ? 'EADDRINUSE' : 'ok';
  if (existing.exclusive !== false) return existing.exclusive ? 'EACCES' : undefined;
  const isSameUser = existing.uid === undefined ? undefined : existing.uid === newcomer.uid;
  if (isSameUser) return 'ok';
  if (newcomer.reuseAddress && existing.reuseAddress) return 'ok';
  return isSameUser === undefined ? undefined : 'EACCES';
}

/** Only bind() asks: listen() checks nothing. */
export const windowsRule: Rule = {
  overlaps: overlap,
  bind: (existing, newcomer) => strictest(existing.map((one) => answerBeside(one, newcomer))),
  listen: () => 'ok',
  // The more specific address wins; among equals "the behavior is indeterminate", says the same page.
  receives(sockets, target) {
    const fitting = bestFitting(sockets, target);
    return fitting.length > 1 ? undefined : fitting;
  },
};
