// What the last native call refused, in the words of the error that is to be raised.
import { addon, STATUS, STEPS } from '../addon.ts';
import { canonical, isAny } from '../address.ts';
import { codeOf } from '../errors.ts';
import { system } from '../platform.ts';
import { HOLDING, listSockets } from '../socket-list.ts';
import { nameOf } from '../socket-options/lookup.ts';
import type { Place, Refusal } from './places.ts';
import type { BindRequest } from './request.ts';

/** As the system says it. */
export function statedRefusal(): Refusal {
  const { status } = addon;
  const syscall = STEPS[status[STATUS.step] as number] ?? '';
  const code = codeOf(status[STATUS.error] as number);
  if (syscall !== 'setsockopt') return { code, syscall };
  return { code, syscall, option: nameOf(status[STATUS.level] as number, status[STATUS.option] as number) };
}

/** Where the system lists sockets that hold a port in the family of a place; none if it keeps the list back. */
export function heldAddresses(protocol: BindRequest['protocol'], port: number, place: Place): string[] {
  const { sockets } = listSockets({ protocol, port }, HOLDING[protocol]);
  const held = sockets.map(({ address }) => canonical(address));
  return held.filter(({ family }) => family === place.addressFamily).map(({ address }) => address);
}

/** With what Windows leaves out: it says WSAEACCES for an exclusive holder and for an excluded range alike. */
export function lastRefusal({ protocol }: BindRequest, place: Place, port: number): Refusal {
  const stated = statedRefusal();
  if (system !== 'windows' || stated.code !== 'EACCES' || stated.syscall !== 'bind') return stated;
  // A guard has no options: the two are the same conflict, seen from different options of the holder.
  if (addon.status[STATUS.slot] !== 0) return { ...stated, code: 'EADDRINUSE' };
  const overlaps = (address: string) => address === place.address || isAny(address) || isAny(place.address);
  return heldAddresses(protocol, port, place).some(overlaps) ? { ...stated, code: 'EADDRINUSE' } : stated;
}
