// Keeps a command running on sockets that stay open: when it is started again, replaced, given up, and ended.
import { type Ending, Instance, type Setting } from './instance.ts';

type Door = typeof import('../../lib/door.ts');

/** What exactbind run says about what it does; one line each. */
export type Say = (what: string, format?: 'green' | 'yellow' | 'red') => void;

export interface Policy {
  /** Start it again when it crashes. */
  readonly restart: boolean;
  /** Changed files start it again: a command that ends waits for them. */
  readonly watches: boolean;
}

// Milliseconds before a command that crashes is started again: each time twice as long, up to the longest. One that has run
// for a while begins at the shortest again.
const SHORTEST = 100;
const LONGEST = 10_000;
const LONG_ENOUGH = 10_000;

// What a shell says of a command that it cannot start.
const NOT_STARTED = [126, 127];

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGTERM: 15,
};

/** The exit code that tells how a command has ended, as shells have it. */
export function exitCodeOf({ code, signal }: Ending): number {
  return code ?? 128 + (SIGNALS[signal ?? ''] ?? 0);
}

const inWords = ({ code, signal }: Ending) => (signal === null ? `exit code ${code}` : signal);

export class Supervisor {
  readonly #setting: Setting;
  readonly #policy: Policy;
  readonly #door: Door;
  readonly #say: Say;
  /** Serves, or is the first that is to. */
  #current: Instance | undefined;
  /** Is to take its place. */
  #next: Instance | undefined;
  readonly #leaving = new Set<Instance>();
  #started = 0;
  #pause = SHORTEST;
  #timer: NodeJS.Timeout | undefined;
  #isReplacing = false;
  #isAskedAgain = false;
  #isStopping = false;
  #finish: (code: number) => void = () => {};
  readonly finished = new Promise<number>((resolve) => {
    this.#finish = resolve;
  });

  constructor(setting: Setting, policy: Policy, door: Door, say: Say) {
    this.#setting = setting;
    this.#policy = policy;
    this.#door = door;
    this.#say = say;
  }

  #start(): Instance {
    this.#started++;
    const instance = new Instance(this.#setting, this.#started, this.#door, (text) =>
      this.#say(`pid ${instance.pid}: ${text}`),
    );
    this.#say(`started ${this.#setting.command.join(' ')} (pid ${instance.pid})`);
    return instance;
  }

  /** Starts the command where none serves. */
  start(): void {
    const instance = this.#start();
    this.#current = instance;
    instance.ended.then((ending) => this.#onEnd(instance, ending));
    instance.readiness.then((found) => {
      if (found === 'ready') this.#say(`ready (pid ${instance.pid})`, 'green');
      if (found === 'late') this.#say(`${this.#lateness(instance)}, and runs on`, 'yellow');
    });
  }

  #lateness({ pid }: Instance): string {
    return `pid ${pid} has not said in ${this.#setting.readyTimeout} ms that it is ready (--ready-after MS is for commands that say nothing)`;
  }

  #onEnd(instance: Instance, ending: Ending): void {
    if (this.#current !== instance) return;
    this.#current = undefined;
    if (this.#isStopping) {
      this.#finishWith(ending);
      return;
    }
    // Its successor is on its way.
    if (this.#next !== undefined) {
      this.#say(`pid ${instance.pid} has ended: ${inWords(ending)}`, 'red');
      return;
    }
    const hasFailed = ending.code !== 0;
    const isHopeless = this.#started === 1 && NOT_STARTED.includes(ending.code ?? 0);
    if (!this.#policy.restart || isHopeless || (!hasFailed && !this.#policy.watches)) {
      this.#finishWith(ending);
      return;
    }
    if (!hasFailed) {
      this.#say(`pid ${instance.pid} has ended: ${inWords(ending)}; waits for a change`, 'yellow');
      return;
    }
    if (Date.now() - instance.startedAt >= LONG_ENOUGH) this.#pause = SHORTEST;
    this.#say(`pid ${instance.pid} has ended: ${inWords(ending)}; starts again in ${this.#pause} ms`, 'red');
    this.#timer = setTimeout(() => this.start(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST);
  }

  async #finishWith(ending: Ending): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#leaving].map(({ ended }) => ended));
    this.#finish(exitCodeOf(ending));
  }

  /** Starts the command beside the one that runs, which goes once the new one is ready; a second call waits for the first. */
  async replace(why: string): Promise<void> {
    if (this.#isStopping) return;
    if (this.#isReplacing) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isReplacing = true;
    this.#say(`restarts: ${why}`);
    await this.#replaceOnce();
    this.#isReplacing = false;
    if (!this.#isAskedAgain) return;
    this.#isAskedAgain = false;
    await this.replace(why);
  }

  async #replaceOnce(): Promise<void> {
    clearTimeout(this.#timer);
    this.#pause = SHORTEST;
    const before = this.#current;
    if (before === undefined) {
      this.start();
      return;
    }
    const next = this.#start();
    this.#next = next;
    const found = await next.readiness;
    this.#next = undefined;
    if (this.#isStopping) return;
    if (found === 'ready') {
      this.#current = next;
      next.ended.then((ending) => this.#onEnd(next, ending));
      this.#say(`ready (pid ${next.pid})`, 'green');
      if (before.ending === undefined) await this.#leave(before);
      return;
    }
    const still = before.ending === undefined ? `pid ${before.pid} serves on` : 'none serves';
    if (found === 'late') {
      this.#say(`${this.#lateness(next)}; ${still}`, 'red');
      await next.end();
    } else
      this.#say(`pid ${next.pid} has ended before it was ready: ${inWords(next.ending as Ending)}; ${still}`, 'red');
    if (before.ending !== undefined && !this.#isStopping) this.start();
  }

  async #leave(instance: Instance): Promise<void> {
    this.#leaving.add(instance);
    const ending = await instance.end();
    this.#leaving.delete(instance);
    this.#say(`pid ${instance.pid} has ended: ${inWords(ending)}`);
  }

  /** Passes a signal on to whoever is there. */
  signal(signal: NodeJS.Signals): void {
    for (const one of [this.#current, this.#next, ...this.#leaving]) one?.signal(signal);
  }

  /** Passes on a signal that is to end it, and ends with the command. */
  stop(signal: NodeJS.Signals): void {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    this.signal(signal);
    if (this.#current !== undefined) return;
    const next = this.#next;
    if (next === undefined) this.#finishWith({ code: null, signal });
    else next.ended.then((ending) => this.#finishWith(ending));
  }
}
