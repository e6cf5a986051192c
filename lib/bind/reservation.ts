// Lets a reservation listen, also beside a guard that overlaps it.
import { addon } from '../addon.ts';
import type { Refusal } from './places.ts';
import { DEFAULT_BACKLOG, planWith, settingsOf } from './plan.ts';
import { lastRefusal } from './refusal.ts';
import type { BindRequest } from './request.ts';
import type { Bound } from './socket.ts';
import { hasCompany } from './strangers.ts';

const sharing = (isOn: boolean) => settingsOf([['SO_REUSEPORT', isOn]]);

/** What listen() was refused with; then the reservation is still there. */
export function listenReserved(request: BindRequest, bound: Bound, port: number): Refusal | undefined {
  const { place, how, socket, guard } = bound;
  const backlog = request.backlog ?? DEFAULT_BACKLOG;
  if (guard === undefined || how.besideGuard === undefined) {
    return addon.listen(socket, how.afterListen, backlog) === 0 ? undefined : lastRefusal(request, place, port);
  }
  if (addon.set(guard, sharing(true)) !== 0) return lastRefusal(request, place, port);
  const listening = addon.open(planWith({ plan: how.besideGuard }, backlog), place.host, port, socket);
  const refusal = listening === -1 ? lastRefusal(request, place, port) : undefined;
  const error = addon.set(guard, sharing(false));
  if (refusal !== undefined) return refusal;
  if (error !== 0) return lastRefusal(request, place, port);
  return hasCompany(request, place, port) ? { code: 'EADDRINUSE', syscall: 'listen' } : undefined;
}
