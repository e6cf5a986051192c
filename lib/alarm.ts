// What ends the sleep of a waiter for a port: the kernel where it reports, a clock, an AbortSignal.
import { clearTimeout, setTimeout } from 'node:timers';
import { onAbort } from './abort.ts';
import { addon } from './addon.ts';
import { typeNumber } from './numbers.ts';
import type { Protocol } from './systems/system.ts';

// Milliseconds between looks where the kernel reports nothing; the last one repeats.
const PAUSES = [1, 2, 5, 10, 25] as const;

// The kernel does not report an address that is given up before its socket goes (connect() to AF_UNSPEC), nor a TIME_WAIT
// that is cut short.
const LONGEST_SLEEP = 5000;

type Ring = () => void;

/** The ports that are watched: all from the first to the last. */
export interface WatchedPorts {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
}

/** What all who wait for the same ports in this thread are woken by. */
interface Watch {
  readonly rings: Set<Ring>;
  readonly stop: () => void;
}

const watches = new Map<string, Watch>();

/** The function that ends it; undefined where the system does not tell. */
function watchPorts({ protocol, first, last }: WatchedPorts, ring: Ring): (() => void) | undefined {
  const key = `${protocol} ${first} ${last}`;
  let watch = watches.get(key);
  if (watch === undefined) {
    const rings = new Set<Ring>();
    const stop = addon.watchPorts(typeNumber(protocol), first, last, () => {
      for (const one of [...rings]) one();
    });
    if (typeof stop === 'number') return undefined;
    watch = { rings, stop };
    watches.set(key, watch);
  }
  const { rings, stop } = watch;
  rings.add(ring);
  return () => {
    if (!rings.delete(ring) || rings.size > 0) return;
    watches.delete(key);
    stop();
  };
}

/** Armed from construction until `disarm()`; what rings before `sleep()` shortens the next one. */
export class Alarm {
  /** Whether the kernel reports the ports that are watched. */
  readonly isTold: boolean = false;
  readonly #stops: (() => void)[] = [];
  #pauses = 0;
  #isRinging = false;
  #wake: (() => void) | undefined;

  /** Without `watched`, it looks at the clock alone. */
  constructor(watched: WatchedPorts | undefined, signal: AbortSignal | undefined) {
    const stop = watched && watchPorts(watched, this.#ring);
    if (stop !== undefined) {
      this.#stops.push(stop);
      this.isTold = true;
    }
    if (signal === undefined) return;
    this.#stops.push(onAbort(signal, this.#ring));
  }

  readonly #ring: Ring = () => {
    this.#isRinging = true;
    this.#wake?.();
  };

  /** Is woken by the end of a process too. */
  watchProcess(pid: number): void {
    const stop = addon.watchProcess(pid, this.#ring);
    if (typeof stop === 'function') this.#stops.push(stop);
  }

  /**
   * Sleeps until it rings or a pause is over: between `atLeast` and `atMost` milliseconds. What is `overdue` is looked for
   * after short pauses.
   */
  async sleep(atLeast: number, atMost: number, overdue: boolean): Promise<void> {
    const longest = this.isTold && !overdue ? LONGEST_SLEEP : this.#nextPause();
    const earliest = performance.now() + atLeast;
    await new Promise<void>((resolve) => {
      let timer = setTimeout(resolve, Math.max(atLeast, Math.min(atMost, longest)));
      this.#wake = () => {
        clearTimeout(timer);
        const left = earliest - performance.now();
        if (left <= 0) resolve();
        else timer = setTimeout(resolve, left);
      };
      if (this.#isRinging) this.#wake();
    });
    this.#wake = undefined;
    this.#isRinging = false;
  }

  disarm(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #nextPause(): number {
    const pause = PAUSES[Math.min(this.#pauses, PAUSES.length - 1)] as number;
    this.#pauses++;
    return pause;
  }
}
