// Another process that holds sockets of the matrix, as the measuring process sees it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Tried, Wish } from './party.ts';
import type { Command } from './process.ts';

interface Waiting {
  resolve(answer: object): void;
  reject(error: Error): void;
}

export class OtherProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  // It answers in the order in which it was asked.
  readonly #waiting: Waiting[] = [];

  constructor() {
    // The flags of this process (a debugger's port, a test runner's) are not meant for that one.
    this.#child = fork(fileURLToPath(new URL('matrix-process.js', import.meta.url)), { execArgv: [] });
    this.#exited = once(this.#child, 'exit');
    this.#child.on('message', (answer: object) => this.#waiting.shift()?.resolve(answer));
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('a process of the matrix has ended'));
    });
  }

  /** Changes the user, and returns its number; undefined if this system or this user does not allow it. */
  async become(user: string): Promise<number | undefined> {
    const { uid } = (await this.#ask({ do: 'become', user })) as { uid?: number };
    return uid;
  }

  attempt(wish: Wish, id = 0): Promise<Tried> {
    return this.#ask({ do: 'attempt', id, wish }) as Promise<Tried>;
  }

  serve(name: string, id = 0): Promise<unknown> {
    return this.#ask({ do: 'serve', id, name });
  }

  close(id = 0): Promise<unknown> {
    return this.#ask({ do: 'close', id });
  }

  /** Ends the process; its sockets are the system's to close. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #ask(command: Command): Promise<object> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.send(command);
    });
  }
}
