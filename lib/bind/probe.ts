// Finds out by throw-away binds who holds an address, for where the list of sockets is kept back (macOS 27).
import { networkInterfaces } from 'node:os';
import { addon } from '../addon.ts';
import { canonical, isAny, type Local, overlap } from '../address.ts';
import type { Setting } from '../systems/system.ts';
import type { Place } from './places.ts';
import { plainPlan } from './plan.ts';
import { statedRefusal } from './refusal.ts';
import type { BindRequest } from './request.ts';

const ADDRESS_ON: Setting = ['SO_REUSEADDR', true];
const ONLY: Setting = ['IPV6_V6ONLY', true];

/** Both wildcards, and every address of this machine. */
function ownAddresses(): string[] {
  const found = Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
    list.map((one) => (one.family === 'IPv6' && one.scopeid !== 0 ? `${one.address}%${name}` : one.address)),
  );
  return ['0.0.0.0', '::', ...new Set(found)];
}

const localOf = (host: string): Local => ({ ...canonical(host), ipv6Only: true });

/** Whether somebody has bound this very address and is not connected. */
function isHeldAt(host: string, { protocol, port }: BindRequest): boolean {
  const options = host.includes(':') ? [ONLY, ADDRESS_ON] : [ADDRESS_ON];
  const socket = addon.open(plainPlan(protocol, options), host, port);
  if (socket !== -1) {
    addon.close(socket);
    return false;
  }
  // An address that has just gone is nobody's.
  return statedRefusal().code !== 'EADDRNOTAVAIL';
}

/**
 * How many addresses that overlap a place somebody holds without being connected. With SO_REUSEADDR, bind() of macOS meets
 * no other socket than one that is on exactly the same address, and no connection.
 * @param isBound ours holds the place; what overlaps it exactly, or :: on 0.0.0.0, was refused then
 */
export function countHeld(request: BindRequest, place: Place, isBound: boolean): number {
  const { address, addressFamily: family } = place;
  const asked: Local = { address, family, ipv6Only: request.ipv6Only };
  const isOurs = (one: Local) => one.address === address || (isAny(one.address) && isAny(address));
  const others = ownAddresses().filter((host) => {
    const one = localOf(host);
    // To IPv4 somebody's dual-stack :: is 0.0.0.0.
    return overlap(one, asked) && !(isBound && isOurs(one));
  });
  return others.filter((host) => isHeldAt(host, request)).length + (isBound ? 1 : 0);
}
