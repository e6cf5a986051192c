// Says whether the running system has an option, and all the numbers it has.
import { addon } from '../addon.ts';
import { codeOf } from '../errors.ts';
import { IOCTL, type Numbers, numbersOf } from './lookup.ts';
import type { ConstantName } from './values.ts';

const { AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM, SOCK_DGRAM } = addon.constants;
const KINDS = [
  [AF_INET, SOCK_STREAM],
  [AF_INET6, SOCK_STREAM],
  [AF_INET, SOCK_DGRAM],
  [AF_INET6, SOCK_DGRAM],
  [AF_UNIX, SOCK_STREAM],
];

// These answer for a state that a new socket is not in: their absence there says nothing.
const OF_A_STATE = ['SOL_TLS', 'SOL_MPTCP', 'SOL_IP', 'SOL_IPV6'];

// The codes by which a kernel says that it has no such option.
const UNKNOWN = new Set(['ENOPROTOOPT', 'ENOTSUP']);

const ZERO = new Uint8Array(4);

function isKnownTo(family: number, type: number, { level, number, direction }: Numbers): boolean {
  const socket = addon.socket(family, type);
  if (socket === -1) return false;
  const answers: (Uint8Array | number)[] = [];
  if (direction !== 'set') answers.push(addon.get(socket, level, number, 256));
  // What is refused for its value or its caller is known all the same.
  if (direction !== 'get') answers.push(addon.setBytes(socket, level, number, ZERO));
  addon.close(socket);
  return answers.some((answer) => typeof answer !== 'number' || answer === 0 || !UNKNOWN.has(codeOf(answer)));
}

const found = new Map<string, boolean>();

function ask(name: string): boolean {
  const numbers = numbersOf(name);
  if (numbers === undefined) return false;
  if (numbers.level === IOCTL || OF_A_STATE.includes(numbers.levelName)) return true;
  return KINDS.some(([family, type]) => family !== undefined && type !== undefined && isKnownTo(family, type, numbers));
}

/**
 * Tells whether this system has an option, so that you need not try it and catch the error.
 *
 * Asks the running kernel once, on private sockets: an older kernel may lack an option whose number is known. An option
 * for the state of a connection (TLS, Multipath TCP, SO_ORIGINAL_DST) or for WSAIoctl() counts as supported if it has a
 * number. A name that no system knows is not supported.
 * @throws nothing
 */
export function isSupported(name: ConstantName | (string & {})): boolean {
  let known = found.get(name);
  if (known === undefined) {
    known = ask(name);
    found.set(name, known);
  }
  return known;
}
