// One run of the command: starts it with the sockets, hears whether it is ready, and has it drain before it is ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Held } from './addresses.ts';

type Door = typeof import('../../lib/door.ts');

/** What every instance is started with. */
export interface Setting {
  readonly command: readonly string[];
  readonly sockets: readonly Held[];
  /** Of ours, which nobody else can enter. */
  readonly folder: string;
  /** The file that --require loads; undefined without the hook. */
  readonly hook: string | undefined;
  /** Milliseconds; undefined: it says so itself. */
  readonly readyAfter: number | undefined;
  readonly readyTimeout: number;
  readonly drainTimeout: number;
  readonly killAfter: number;
}

/** How a process has ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type Readiness = 'ready' | 'late' | 'ended';

// Only its starter can tell a process its own number, and only after fork(2).
const WITH_PID = ['/bin/sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh'] as const;

// Node's own way to quote in there: options are parted by blanks.
const quoted = (path: string) => `"${path.replace(/["\\]/g, '\\$&')}"`;

function environment({ sockets, hook }: Setting, notify: string, control: string): NodeJS.ProcessEnv {
  const { NODE_OPTIONS = '' } = process.env;
  const [port] = sockets.flatMap((one) => (one.protocol === 'tcp' ? [one.socket.address().port] : []));
  const hasPath = sockets.some(({ protocol }) => protocol === 'unix');
  return {
    ...process.env,
    // A program that finds one listens there, and not on the path.
    ...(hasPath && { PORT: undefined }),
    LISTEN_FDS: String(sockets.length),
    LISTEN_FDNAMES: sockets.map(({ name }) => name).join(':'),
    NOTIFY_SOCKET: notify,
    EXACTBIND_RUN: control,
    ...(port === undefined ? {} : { PORT: String(port) }),
    ...(hook === undefined ? {} : { NODE_OPTIONS: `${NODE_OPTIONS} --require ${quoted(hook)}`.trim() }),
  };
}

export class Instance {
  readonly ended: Promise<Ending>;
  /** Settles once it is known. */
  readonly readiness: Promise<Readiness>;
  readonly startedAt = Date.now();
  ending: Ending | undefined;

  readonly #setting: Setting;
  readonly #child: ChildProcess;
  readonly #control: Server;
  readonly #closeInbox: () => void;
  readonly #paths: readonly string[];
  #hooked: Socket | undefined;
  #onDrained = () => {};

  constructor(setting: Setting, number: number, door: Door, onStatus: (text: string) => void) {
    this.#setting = setting;
    const notify = join(setting.folder, `notify-${number}`);
    const control = join(setting.folder, `control-${number}`);
    this.#paths = [notify, control];
    let ready = () => {};
    const isSaid = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const inbox = door.addon.openInbox(notify, (text) => {
      for (const line of text.split('\n')) {
        if (line === 'READY=1') ready();
        if (line.startsWith('STATUS=')) onStatus(line.slice(7));
      }
    });
    if (typeof inbox === 'number') throw new Error(`no socket for notices at ${notify}: ${door.codeOf(inbox)}`);
    this.#closeInbox = inbox;
    this.#control = createServer((socket) => this.#hear(socket)).listen(control);

    const [program, ...args] = [...WITH_PID, ...setting.command];
    // A session of its own: what a terminal sends, it gets from us, and once.
    this.#child = spawn(program as string, args, {
      stdio: ['inherit', 'inherit', 'inherit', ...setting.sockets.map(({ socket }) => socket.fd())],
      env: environment(setting, notify, control),
      detached: true,
    });
    this.ended = new Promise((resolve) => {
      const end = (ending: Ending) => {
        this.ending = ending;
        this.#close();
        resolve(ending);
      };
      this.#child.once('exit', (code, signal) => end({ code, signal }));
      // No shell: there is nothing to restart.
      this.#child.once('error', () => end({ code: 127, signal: null }));
    });
    this.readiness = this.#awaitReadiness(isSaid);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async #awaitReadiness(isSaid: Promise<void>): Promise<Readiness> {
    const { readyAfter, readyTimeout } = this.#setting;
    let timer: NodeJS.Timeout | undefined;
    const inTime = new Promise<Readiness>((resolve) => {
      const [after, answer] =
        readyAfter === undefined ? [readyTimeout, 'late' as const] : [readyAfter, 'ready' as const];
      timer = setTimeout(resolve, after, answer);
    });
    const said = isSaid.then(() => 'ready' as const);
    const found = await Promise.race([said, inTime, this.ended.then(() => 'ended' as const)]);
    clearTimeout(timer);
    return found;
  }

  // A program with the hook connects, and says when it has drained.
  #hear(socket: Socket): void {
    this.#hooked ??= socket;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (String(bytes).includes('drained')) this.#onDrained();
    });
    socket.on('close', () => this.#onDrained());
  }

  #close(): void {
    this.#closeInbox();
    this.#control.close();
    this.#hooked?.destroy();
    for (const path of this.#paths) rmSync(path, { force: true });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Has a program with the hook answer what it has accepted; another is none the wiser. */
  async #drain(): Promise<void> {
    const { drainTimeout } = this.#setting;
    const socket = this.#hooked;
    if (socket === undefined || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      // It counts the same time itself, and closes what is left at its end.
      const timer = setTimeout(resolve, drainTimeout + 2000);
      this.#onDrained = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.write(`drain ${drainTimeout}\n`);
    });
  }

  /** Ends it as gently as it lets itself be ended. */
  async end(): Promise<Ending> {
    await Promise.race([this.#drain(), this.ended]);
    if (this.ending !== undefined) return this.ending;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), this.#setting.killAfter);
    const ending = await this.ended;
    clearTimeout(timer);
    return ending;
  }
}
