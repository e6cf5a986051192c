// Which binds can be refused on this machine although nobody holds the address.
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { addon } from '../addon.ts';
import { isAny, isMappedAny } from '../address.ts';
import { codeOf } from '../errors.ts';
import { familyNumber, typeNumber } from '../numbers.ts';
import { system } from '../platform.ts';
import type { ListedPort } from '../socket-list.ts';
import type { Protocol } from '../systems/system.ts';
import { isConfined, isWsl } from './confinement.ts';

const NOTHING = new Int32Array([0]);

/** The first port that needs no privilege. */
export function firstUnprivilegedPort(): number {
  if (system === 'windows') return 0;
  try {
    // Of all encodings, Node reads this one in half the time.
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    return 1024;
  }
}

/** What a socket meets that is bound for a moment: the code of a refusal, or nothing. */
function meets(protocol: Protocol, address: string, port: number): string | undefined {
  const handle = addon.socket(familyNumber(address.includes(':') ? 6 : 4), typeNumber(protocol));
  if (handle === -1) return codeOf(addon.status[0] as number);
  try {
    const error = addon.bind(handle, NOTHING, address, port);
    return error === 0 ? undefined : codeOf(error);
  } finally {
    addon.close(handle);
  }
}

// Asked where nobody is: on the port that is inspected it would disturb whoever is about to bind it. The kernel asks for
// the privilege before it looks for a conflict.
function mayBindLowPorts(): boolean {
  const code = meets('tcp', '127.127.127.127', 1);
  return code === undefined || code === 'EADDRINUSE';
}

/** Whether this process may not bind a port because it is too low. */
export function isPrivileged(address: string, port: number): boolean {
  if (port >= firstUnprivilegedPort()) return false;
  // in_pcbbind() in XNU asks for no privilege where the address is the wildcard, since macOS 10.14.
  if (system === 'darwin') return !isAny(address) && process.geteuid?.() !== 0;
  return system !== 'linux' || !mayBindLowPorts();
}

/** Whether some interface that is up has the address, or for :: any of IPv6. */
function isOfThisMachine(address: string): boolean {
  if (address === '0.0.0.0' || isMappedAny(address)) return true;
  // A tenth of the time that listing the interfaces takes. UDP, on a port of the system's choice: in nobody's way.
  if (system === 'linux') return meets('udp', address, 0) === undefined;
  // A link-local one is of an interface, and no address without it.
  const [literal, zone] = address.split('%');
  const isLinkLocal = literal?.startsWith('fe80:');
  const isSame = (other: string) =>
    (other === literal && (!isLinkLocal || zone !== undefined)) || (address === '::' && other.includes(':'));
  const isZone = (name: string, scope: number | undefined) =>
    zone === undefined || zone === name || zone === `${scope}`;
  try {
    return Object.entries(networkInterfaces()).some(([name, list]) =>
      list?.some((one) => isSame(one.address) && isZone(name, 'scopeid' in one ? one.scopeid : undefined)),
    );
  } catch {
    return false;
  }
}

// With EADDRINUSE although nobody has it, but to programs that Apple has entitled (bsd/netinet/in_pcb.c).
const MACOS_REFUSES = 55555;

/** The TCP ports that the system keeps to itself. */
export function keptPorts(): readonly number[] {
  return system === 'darwin' ? [MACOS_REFUSES] : [];
}

/** Whether the system keeps a port to itself. */
export function isKept({ protocol, port }: ListedPort): boolean {
  return protocol === 'tcp' && keptPorts().includes(port);
}

/** Whether a bind can fail although nobody is listed: too low a port, no interface with that address, a rule, a host. */
export function mayBeRefused(address: string, asked: ListedPort): boolean {
  return isKept(asked) || isPrivileged(address, asked.port) || !isOfThisMachine(address) || isWsl() || isConfined();
}
