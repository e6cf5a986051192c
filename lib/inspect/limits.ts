// Which binds can be refused on this machine although nobody holds the address.
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { addon } from '../addon.ts';
import { isAny } from '../address.ts';
import { codeOf } from '../errors.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { system } from '../platform.ts';
import type { ListedPort } from '../socket-list.ts';

const NOTHING = new Int32Array([0]);

/** The first port that needs no privilege. */
export function firstUnprivilegedPort(): number {
  if (system === 'windows') return 0;
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'));
  } catch {
    return 1024;
  }
}

// Asked where nobody is: on the port that is inspected it would disturb whoever is about to bind it. The kernel asks for
// the privilege before it looks for a conflict.
function mayBindLowPorts(): boolean {
  const handle = addon.socket(familyNumber(4), typeNumber('tcp'));
  if (handle === -1) return false;
  try {
    const error = addon.bind(handle, NOTHING, '127.127.127.127', 1);
    return error === 0 || codeOf(error) === 'EADDRINUSE';
  } finally {
    addon.close(handle);
  }
}

function isPrivileged(address: string, port: number): boolean {
  if (port >= firstUnprivilegedPort() || (system === 'linux' && mayBindLowPorts())) return false;
  // Since macOS 10.14 every address of the machine at once needs no privilege, one of them does (in_pcbbind).
  return !(system === 'darwin' && isAny(address));
}

// Refused with EADDRINUSE although nobody has it, but to programs that Apple has entitled (bsd/netinet/in_pcb.c).
const RESTRICTED = 55555;

/** Whether the system keeps a port to itself and says that somebody has it. */
export function isRestricted({ protocol, port }: ListedPort): boolean {
  return system === 'darwin' && protocol === 'tcp' && port === RESTRICTED;
}

/** Whether some interface that is up has the address, or for :: any of IPv6. */
function isOfThisMachine(address: string): boolean {
  if (address === '0.0.0.0') return true;
  const isSame = (other: string) =>
    other === address ||
    (address === '::' && other.includes(':')) ||
    // The loopback interface has all of them.
    (system === 'linux' && address.startsWith('127.') && other.startsWith('127.'));
  try {
    return Object.values(networkInterfaces()).some((list) => list?.some((one) => isSame(one.address)));
  } catch {
    return false;
  }
}

/** Whether a bind can fail although nobody holds the address: too low a port, or no interface with that address. */
export function mayBeRefused(address: string, { protocol, port }: ListedPort): boolean {
  return isPrivileged(address, port) || isRestricted({ protocol, port }) || !isOfThisMachine(address);
}
