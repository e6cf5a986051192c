// Closes what a BoundSocket holds once nobody references it any more, and says so: the address would stay taken for ever.
import { addon } from './addon.ts';
import type { Bound } from './bind/socket.ts';
import { bare, has } from './own.ts';
import { quotedName } from './printable.ts';
import { shownPath } from './unix/request.ts';
import { type BoundPath, closePath } from './unix/socket.ts';

// Watching an object takes a tenth of a bind. Most are adopted or closed before anything else runs, so only those are
// watched that are there still when the current job has ended. In turn an owner and its socket: a pair would be an object more.
const fresh: (WeakKey | Bound | BoundPath)[] = [];

/** Closes it, and says where it was. */
function close(bound: Bound | BoundPath): string {
  if (has(bound, 'path')) {
    closePath(bound);
    return quotedName(shownPath(bound.path));
  }
  const { socket, udp, guard, place } = bound;
  const port = addon.localPort(socket);
  if (udp !== undefined) udp.close();
  else {
    addon.close(socket);
    if (guard !== undefined) addon.close(guard);
  }
  return `${place.host} port ${port}`;
}

const registry = new FinalizationRegistry<Bound | BoundPath>((bound) => {
  process.emitWarning(
    `a BoundSocket on ${close(bound)} was collected, and its socket closed: keep a reference to it, or close() it`,
    bare({ type: 'ExactbindWarning', code: 'EXACTBIND_COLLECTED' }),
  );
});

let isAwaited = false;

function watchFresh(): void {
  isAwaited = false;
  for (let at = 0; at < fresh.length; at += 2)
    registry.register(fresh[at] as WeakKey, fresh[at + 1] as Bound | BoundPath, fresh[at]);
  fresh.length = 0;
}

// A context of its own need not have queueMicrotask().
const END_OF_JOB = Promise.resolve();

/** Watches the owner of a socket, from the end of this job on. */
export function watchOwner(owner: WeakKey, bound: Bound | BoundPath): void {
  fresh.push(owner, bound);
  // Once a job, however many come and go in it.
  if (!isAwaited) END_OF_JOB.then(watchFresh);
  isAwaited = true;
}

/** Whether nothing has run since a socket was bound, and nobody was told its descriptor. */
export function isFresh(owner: WeakKey): boolean {
  return fresh[fresh.length - 2] === owner;
}

/** For an owner that has closed its socket, given it away, or told its descriptor. */
export function forgetOwner(owner: WeakKey): void {
  // The youngest is the likeliest.
  const at = fresh[fresh.length - 2] === owner ? fresh.length - 2 : fresh.indexOf(owner);
  if (at === -1) registry.unregister(owner);
  else if (at === fresh.length - 2) {
    // Quicker than to set its length.
    fresh.pop();
    fresh.pop();
  } else fresh.splice(at, 2);
}
