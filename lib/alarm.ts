// What ends the sleep of whoever waits for a port: the kernel where it tells, a clock, an AbortSignal.
import { onAbort } from './abort.ts';
import { addon } from './addon.ts';
import { typeNumber } from './numbers.ts';
import type { Protocol } from './systems/system.ts';

// Milliseconds between looks where the kernel tells nothing; the last one repeats.
const PAUSES = [1, 2, 5, 10, 25] as const;

// The kernel does not tell of an address that is given up before its socket goes (connect() to AF_UNSPEC), nor of a
// TIME_WAIT that is cut short.
const LONGEST_SLEEP = 5000;

/** The sockets that are waited for to go. */
export interface Watched {
  readonly protocol: Protocol;
  readonly port: number;
  /** Of a process that has one of them, for where the kernel does not tell of sockets. */
  readonly pid: number | undefined;
}

/** Armed from construction until `disarm()`; what rings before `sleep()` shortens the next one. */
export class Alarm {
  readonly #stops: (() => void)[] = [];
  readonly #isTold: boolean = false;
  #pauses = 0;
  #isRinging = false;
  #wake: (() => void) | undefined;

  /** Without `watched`, it looks at the clock alone. */
  constructor(watched: Watched | undefined, signal: AbortSignal | undefined) {
    const ring = () => {
      this.#isRinging = true;
      this.#wake?.();
    };
    if (watched !== undefined) {
      const { protocol, port, pid } = watched;
      this.#isTold = this.#isStoppable(addon.watchPort(typeNumber(protocol), port, ring));
      if (!this.#isTold && pid !== undefined) this.#isStoppable(addon.watchProcess(pid, ring));
    }
    if (signal === undefined) return;
    this.#stops.push(onAbort(signal, ring));
  }

  /**
   * Sleeps until it rings or a pause is over: between `atLeast` and `atMost` milliseconds. What is `overdue` is looked for
   * after short pauses.
   */
  async sleep(atLeast: number, atMost: number, overdue: boolean): Promise<void> {
    const longest = this.#isTold && !overdue ? LONGEST_SLEEP : this.#nextPause();
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

  #isStoppable(stop: (() => void) | number): boolean {
    if (typeof stop === 'number') return false;
    this.#stops.push(stop);
    return true;
  }

  #nextPause(): number {
    const pause = PAUSES[Math.min(this.#pauses, PAUSES.length - 1)] as number;
    this.#pauses++;
    return pause;
  }
}
