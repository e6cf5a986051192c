// Which options Linux needs, and in which order, for each sharing mode (inet_csk_get_port, net/ipv4/inet_connection_sock.c).
import { type Attempt, type Policy, type PolicyRequest, rawPolicy, type Setting, type Unsupported } from './policy.ts';

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

export function linuxPolicy(request: PolicyRequest): Policy | Unsupported {
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
