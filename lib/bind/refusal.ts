// What the last native call refused, in the words of the error that is to be raised.
import { addon, type SocketRow, STATUS, STEPS } from '../addon.ts';
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

/** With what Windows leaves out: it says WSAEACCES for an exclusive holder and for an excluded range alike. */
export function lastRefusal({ protocol }: BindRequest, place: Place, port: number): Refusal {
  const stated = statedRefusal();
  if (system !== 'windows' || stated.code !== 'EACCES' || stated.syscall !== 'bind') return stated;
  const isGuard = addon.status[STATUS.slot] !== 0;
  const { sockets } = listSockets({ protocol, port }, HOLDING[protocol]);
  const isHolder = (row: SocketRow) => {
    const { address, family } = canonical(row.address);
    if (family !== place.addressFamily) return false;
    return address === place.address || isAny(address) || isAny(place.address);
  };
  // An exclusive socket on the guard's wildcard or on the other refuses a guard.
  return sockets.some((row) => isGuard || isHolder(row)) ? { ...stated, code: 'EADDRINUSE' } : stated;
}
