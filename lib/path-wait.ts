// The wait of listen({ path }): until nobody listens on a Unix socket any more.
import { Alarm } from './alarm.ts';
import type { Limit, ReadBindOptions } from './bind/request.ts';
import { BoundSocket } from './bound-socket.ts';
import { aborted } from './errors.ts';
import { has } from './own.ts';
import { listPathLater, NAMES } from './socket-list.ts';
import { pathErrorLater } from './unix/refusal.ts';
import type { PathRefused } from './unix/socket.ts';
import { PENDING, repeat, waited } from './wait.ts';

// Who waits looks again soon, and does not stand still for somebody who starts.
const PATIENCE_MS = 10;

async function alarmOn(path: string, signal: AbortSignal | undefined): Promise<Alarm> {
  const alarm = new Alarm(undefined, signal);
  const { sockets } = await listPathLater(path, NAMES.inTime);
  const pid = sockets.flatMap(({ pids }) => pids).find((one) => one !== process.pid);
  if (pid !== undefined) alarm.watchProcess(pid);
  return alarm;
}

/**
 * Binds a Unix socket, and waits while somebody else listens there.
 * @throws what `new BoundSocket({ path })` throws; `EADDRINUSE` of the last attempt when the time is up; `AbortError`
 */
export async function bindPathWithin(options: ReadBindOptions, limit: Limit): Promise<BoundSocket<string>> {
  const { timeout, signal } = limit;
  if (signal?.aborted) throw aborted(signal.reason);
  const deadline = performance.now() + timeout;
  const open = () => BoundSocket.open(options, PATIENCE_MS) as BoundSocket<string> | PathRefused;
  const first = open();
  if (first instanceof BoundSocket) return first;
  if (first.refusal.code !== 'EADDRINUSE') throw await pathErrorLater(first);
  let last = first;
  const alarm = await alarmOn(first.path, signal);
  const found = await repeat<BoundSocket<string> | PathRefused>(alarm, deadline, signal, () => {
    const opened = open();
    if (opened instanceof BoundSocket || opened.refusal.code !== 'EADDRINUSE') return opened;
    last = opened;
    return PENDING;
  });
  if (found instanceof BoundSocket) return found;
  if (has(found, 'refusal')) throw await pathErrorLater(found);
  throw waited(await pathErrorLater(last), timeout);
}
