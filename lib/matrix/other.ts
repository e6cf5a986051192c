// Another process that holds sockets of the matrix, as the measuring process sees it.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Tried, Wish } from './party.ts';
import type { Become, Command } from './process.ts';

interface Waiting {
  resolve(answer: object): void;
  reject(error: Error): void;
}

export class OtherProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  // It answers in the order in which it was asked; nobody asks anything while a close is pending.
  readonly #waiting: Waiting[] = [];

  constructor() {
    // The flags of this process (a debugger's port, a test runner's) are not meant for that one.
    this.#child = fork(join(__dirname, 'matrix-process.cjs'), { execArgv: [] });
    // What could not be started never exits.
    this.#exited = new Promise((done) => this.#child.once('exit', done).once('error', done));
    this.#child.on('message', (answer: object) => this.#waiting.shift()?.resolve(answer));
    this.#child.on('error', (error) => this.#fail(error));
    this.#child.on('exit', () => this.#fail(new Error('a process of the matrix has ended')));
  }

  /** Changes the user, and returns its number; or why this system, or this user, does not allow it. */
  become(user: string): Promise<Become> {
    return this.#ask({ do: 'become', user }) as Promise<Become>;
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
      this.#child.send(command, (error) => {
        if (error) this.#fail(error);
      });
    });
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
