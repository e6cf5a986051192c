// What the last native call refused, in the words of the error that is to be raised.
import { addon, STEPS } from '../addon.ts';
import { canonical, isAny } from '../address.ts';
import { codeOf } from '../errors.ts';
import { system } from '../platform.ts';
import { HOLDING, listSockets } from '../socket-list.ts';
import { nameOf } from '../socket-options/lookup.ts';
import type { Place, Refusal } from './places.ts';
import type { BindRequest } from './request.ts';

/** As the system says it. */
export function statedRefusal(): Refusal {
  const [error = 0, step = 0, , level = 0, option = 0] = addon.status;
  const syscall = STEPS[step] ?? '';
  const code = codeOf(error);
  return syscall === 'setsockopt' ? { code, syscall, option: nameOf(level, option) } : { code, syscall };
}

/** Where the system lists sockets that hold a port in the family of a place; none if it keeps the list back. */
function heldAddresses(protocol: BindRequest['protocol'], port: number, place: Place): string[] {
  const { sockets } = listSockets({ protocol, port }, HOLDING[protocol]);
  const held = sockets.map(({ address }) => canonical(address));
  return held.filter(({ family }) => family === place.addressFamily).map(({ address }) => address);
}

/** With what Windows leaves out: it says WSAEACCES for an exclusive holder and for an excluded range alike. */
export function lastRefusal({ protocol }: BindRequest, place: Place, port: number): Refusal {
  const stated = statedRefusal();
  if (system !== 'windows' || stated.code !== 'EACCES' || stated.syscall !== 'bind') return stated;
  const overlaps = (address: string) => address === place.address || isAny(address) || isAny(place.address);
  return heldAddresses(protocol, port, place).some(overlaps) ? { ...stated, code: 'EADDRINUSE' } : stated;
}
