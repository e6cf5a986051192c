// Linux: who may bind over whom (inet_bind_conflict in net/ipv4/inet_connection_sock.c; udp_lib_lport_inuse in net/ipv4/udp.c), and
// how we bind there (inet_csk_get_port).
import { isAny, type Local, overlap } from '../address.ts';
import {
  type Answer,
  type Attempt,
  bestFitting,
  both,
  type Existing,
  either,
  type Newcomer,
  not,
  type OperatingSystem,
  type Policy,
  type PolicyRequest,
  type Rule,
  rawPolicy,
  type Setting,
  strictest,
  type Unsupported,
} from './system.ts';

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
const rule: Rule = {
  age: 'listen',
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

const ON: Setting = ['SO_REUSEADDR', true];
const OFF: Setting = ['SO_REUSEADDR', false];

// A plain bind refuses everything that overlaps, leftovers included. SO_REUSEADDR is set before listen() all the same:
// what a connection inherits decides whether its TIME_WAIT blocks the next start, and listen() itself refuses a second
// listener whatever its options are.
const PLAIN: Attempt = { outcome: 'clean', beforeBind: [], beforeListen: [ON] };
const OVER_LEFTOVERS: Attempt = { outcome: 'over-leftovers', beforeBind: [ON], beforeListen: [] };

// Two sockets that were bound with SO_REUSEADDR and call listen() in the same instant can both lose, never both win.
const ROUNDS = 3;

const SAME_USER = 'any process of the same user can join the SO_REUSEPORT group at any time';

// Every libuv handle sets SO_REUSEADDR on the UDP socket it opens, and with it on both sides any user can take the
// datagrams.
const UDP_UNDO: readonly Setting[] = [OFF];

function policy(request: PolicyRequest): Policy | Unsupported {
  const { sharing, protocol } = request;
  if (sharing === 'raw') return rawPolicy(protocol === 'udp' ? UDP_UNDO : []);
  return protocol === 'tcp' ? tcp(request) : udp(request);
}

function tcp({ sharing, leftovers, reserve }: PolicyRequest): Policy {
  const policy = { rounds: 1, undo: [], afterAdoption: [] } as const;
  if (sharing === 'reuse-port') {
    // Both, because leftovers of a socket with one of the two block a newcomer with only the other.
    const both: Attempt = { beforeBind: [ON, ['SO_REUSEPORT', true]], beforeListen: [] };
    return { ...policy, attempts: [both], exclusivity: 'partial', caveat: SAME_USER };
  }
  if (reserve && sharing === 'reuse-address') {
    const caveat =
      'a socket bound with SO_REUSEADDR that does not listen yet can be bound over by any other with SO_REUSEADDR';
    return { ...policy, attempts: [{ beforeBind: [ON], beforeListen: [] }], exclusivity: 'partial', caveat };
  }
  if (reserve) {
    // Never SO_REUSEADDR before listen(), not even for a moment: an intruder that also sets it could bind in between,
    // and listen first. Set afterwards it opens nothing.
    return { ...policy, attempts: [{ ...PLAIN, beforeListen: [] }], afterAdoption: [ON], exclusivity: 'full' };
  }
  const attempts = leftovers === 'reuse' ? [PLAIN, OVER_LEFTOVERS] : [PLAIN];
  return { ...policy, attempts, rounds: ROUNDS, exclusivity: 'full' };
}

function udp({ sharing }: PolicyRequest): Policy {
  const policy = { rounds: 1, undo: UDP_UNDO, afterAdoption: [] } as const;
  if (sharing === 'reuse-port') {
    const port: Attempt = { beforeBind: [['SO_REUSEPORT', true]], beforeListen: [] };
    return { ...policy, attempts: [port], exclusivity: 'partial', caveat: SAME_USER };
  }
  if (sharing === 'reuse-address') {
    const caveat = 'any process, of any user, that sets SO_REUSEADDR can bind the port and take the datagrams';
    return { ...policy, attempts: [{ beforeBind: [ON], beforeListen: [] }], exclusivity: 'partial', caveat };
  }
  return { ...policy, attempts: [{ outcome: 'clean', beforeBind: [], beforeListen: [] }], exclusivity: 'full' };
}

export const linux: OperatingSystem = { rule, policy };
