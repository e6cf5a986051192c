// Says whether the running system has an option, and all the numbers it has.
import { addon } from '../addon.ts';
import { codeOf } from '../errors.ts';
import { IOCTL, numbersOf } from './lookup.ts';
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
const OF_A_STATE = new Set(['SOL_TLS', 'SOL_MPTCP', 'SOL_IP', 'SOL_IPV6'].map((level) => addon.constants[level]));

// The codes by which a kernel says that it has no such option.
const UNKNOWN = new Set(['ENOPROTOOPT', 'ENOTSUP']);

function isKnownTo(family: number, type: number, level: number, number: number): boolean {
  const socket = addon.socket(family, type);
  if (socket === -1) return false;
  const answer = addon.get(socket, level, number, 256);
  addon.close(socket);
  return typeof answer !== 'number' || !UNKNOWN.has(codeOf(answer));
}

const found = new Map<string, boolean>();

function ask(name: string): boolean {
  const numbers = numbersOf(name);
  if (numbers === undefined) return false;
  const { level, number, direction } = numbers;
  if (direction === 'set' || level === IOCTL || OF_A_STATE.has(level)) return true;
  return KINDS.some(
    ([family, type]) => family !== undefined && type !== undefined && isKnownTo(family, type, level, number),
  );
}

/**
 * Whether this system has an option, so that nobody has to try one and catch the error.
 *
 * An option that can be read is asked of the running kernel, once, on a socket that nobody else sees: a newer one is
 * missing there although its number is known. One that can only be set, or that answers for the state of a connection,
 * counts as present where it has a number. A name that no system knows is just not supported.
 */
export function isSupported(name: ConstantName | (string & {})): boolean {
  let known = found.get(name);
  if (known === undefined) {
    known = ask(name);
    found.set(name, known);
  }
  return known;
}

/**
 * The numbers of this system's levels, options, families and types, by the kernel's names; undefined for those that it
 * does not have. From the headers of the system that the addon was compiled for, and the generic ones for what those lack.
 */
export const constants: { readonly [Name in ConstantName]?: number } = Object.freeze(addon.constants);
