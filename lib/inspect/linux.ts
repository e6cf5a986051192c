// Who may share an address on Linux (inet_bind_conflict in net/ipv4/inet_connection_sock.c; udp_lib_lport_inuse in net/ipv4/udp.c).
import { overlap } from '../address.ts';
import { type Answer, both, type Existing, either, type Newcomer, not, type Rule, strictest } from './rule.ts';

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  if (!overlap(existing, newcomer)) return 'ok';
  const sharesAddress = both(existing.reuseAddress, newcomer.reuseAddress && existing.state !== 'listening');
  // The group belongs to the user who began it, root or not; what is in TIME_WAIT belongs to nobody.
  const isSameUser =
    existing.state === 'time-wait' ||
    (existing.uid === undefined || newcomer.uid === undefined ? undefined : existing.uid === newcomer.uid);
  const sharesPort = both(both(existing.reusePort, newcomer.reusePort), isSameUser);
  const conflicts = not(either(sharesAddress, sharesPort));
  return conflicts === undefined ? undefined : conflicts ? 'EADDRINUSE' : 'ok';
}

const answer = (existing: readonly Existing[], newcomer: Newcomer): Answer =>
  strictest(existing.map((one) => answerBeside(one, newcomer)));

/** The kernel asks the same question at bind() and again at listen(). */
export const linuxRule: Rule = { bind: answer, listen: answer };
