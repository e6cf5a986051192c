// Who tries the second socket of a cell: this process, another one, another user.
import { system } from '../lib/door.ts';
import type { CellOwner } from './cells.ts';
import { OtherProcess, type Script } from './other.ts';
import { Party, type Tried, type Wish } from './party.ts';

export interface Rival {
  attempt(wish: Wish): Tried | Promise<Tried>;
  serve(name: string): unknown;
  close(): Promise<unknown>;
}

const OTHER_USER = 'nobody';

export class Rivals {
  readonly by = new Map<CellOwner, Rival>([['same-process', new Party()]]);
  readonly own = process.geteuid?.() ?? 0;
  /** The number of the other user. */
  other: number = this.own;
  /** Why there is no other user. */
  whyAlone: string | undefined;
  readonly #processes: OtherProcess[] = [];
  readonly #script: Script;

  /** @param script of the other processes */
  constructor(script: Script) {
    this.#script = script;
  }

  async start(): Promise<void> {
    this.by.set('other-process', this.#start());
    if (system === 'windows') {
      this.whyAlone = 'a process of another user takes a password on Windows';
      return;
    }
    const other = this.#start();
    const become = await other.become(OTHER_USER);
    if ('error' in become) {
      // Root can have no other user, as in a user namespace of its own: the system says why.
      this.whyAlone = this.own === 0 ? become.error : 'it takes root to become another user';
      return;
    }
    this.other = become.uid;
    this.by.set('other-user', other);
  }

  async end(): Promise<void> {
    await this.by.get('same-process')?.close();
    await Promise.all(this.#processes.map((one) => one.kill()));
  }

  /** A process more, which is the caller's to end. */
  process(): OtherProcess {
    return new OtherProcess(this.#script);
  }

  #start(): OtherProcess {
    const started = this.process();
    this.#processes.push(started);
    return started;
  }
}
