// Who may share an address on Linux (inet_bind_conflict in net/ipv4/inet_connection_sock.c; udp_lib_lport_inuse in net/ipv4/udp.c).
import { isAny, type Local, overlap } from '../address.ts';
import {
  type Answer,
  bestFitting,
  both,
  type Existing,
  either,
  type Newcomer,
  not,
  type Rule,
  strictest,
} from './rule.ts';

// bind() of an exact IPv6 address marks a socket as IPV6_V6ONLY. A connection of a dual-stack :: has such an address, and no
// mark: IPv4 takes it for one that 0.0.0.0 covers (inet_rcv_saddr_equal, net/ipv4/inet_connection_sock.c).
function overlaps(existing: Existing, newcomer: Local): boolean {
  const isUnmarked = existing.family === 6 && existing.ipv6Only === false && !isAny(existing.address);
  return overlap(existing, newcomer) || (isUnmarked && newcomer.address === '0.0.0.0');
}

function answerBeside(existing: Existing, newcomer: Newcomer): Answer {
  if (!overlaps(existing, newcomer)) return 'ok';
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

// A group is made of sockets that differ in nothing (inet_reuseport_add_sock, udp_reuseport_add_sock).
function groupOf(socket: Newcomer, sockets: readonly Newcomer[]): readonly Newcomer[] {
  const isAlike = (other: Newcomer) =>
    other.reusePort &&
    other.uid === socket.uid &&
    other.address === socket.address &&
    other.ipv6Only === socket.ipv6Only;
  return socket.reusePort ? sockets.filter(isAlike) : [socket];
}

/** The kernel asks the same question at bind() and again at listen(). */
export const linuxRule: Rule = {
  overlaps,
  bind: answer,
  listen: answer,
  // The first of the best fitting in the kernel's chain, and its group. A socket goes to the head of the chain, but one of
  // IPv6 with SO_REUSEPORT to its tail (__inet_hash in net/ipv4/inet_hashtables.c, udp_lib_get_port).
  receives(sockets, target) {
    const chain: Newcomer[] = [];
    for (const socket of bestFitting(sockets, target)) {
      if (socket.family === 6 && socket.reusePort) chain.push(socket);
      else chain.unshift(socket);
    }
    const [found] = chain;
    return found === undefined ? [] : groupOf(found, sockets);
  },
};
