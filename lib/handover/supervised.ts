// What an unmodified program does under `exactbind run`: says that it is ready, and drains when it is told to.
import net, { type AddressInfo, type Server } from 'node:net';
import { setImmediate } from 'node:timers';
import { addon } from '../addon.ts';
import { onListen } from '../adopt/hook.ts';
import { isSamePath } from '../unix/existing.ts';
import { drain, Sessions } from './drain.ts';
import { notify } from './notify.ts';

const FIRST = 3;

/** Where the sockets are that were passed to this process. */
interface Passed {
  readonly ports: ReadonlySet<number>;
  readonly paths: readonly string[];
}

function passedBy(env: NodeJS.ProcessEnv): Passed {
  const count = Number(env['LISTEN_FDS'] ?? 0);
  const handles = Array.from({ length: Math.min(count, 1024) }, (_, at) => FIRST + at);
  return {
    ports: new Set(handles.map((handle) => addon.localPort(handle)).filter((port) => port > 0)),
    paths: handles
      .map((handle) => addon.localPath(handle))
      .filter((path): path is string => Boolean(path) && typeof path === 'string'),
  };
}

/** Servers that have been listening, and how to be told to let them go. */
class Supervised {
  readonly #servers = new Map<Server, Sessions>();
  readonly #passed: Passed;
  readonly #path: string;
  #isReady = false;

  constructor(path: string, passed: Passed) {
    this.#path = path;
    this.#passed = passed;
  }

  #isPassed(address: AddressInfo | string): boolean {
    const { ports, paths } = this.#passed;
    return typeof address === 'string' ? paths.some((path) => isSamePath(path, address)) : ports.has(address.port);
  }

  /** For each server that is about to emit 'listening'. */
  add(server: Server): void {
    const address = server.address();
    if (address === null) return;
    const isPassed = this.#isPassed(address);
    // Closing any other path would remove a file that may be the successor's.
    if (typeof address === 'string' && !isPassed) return;
    this.#servers.set(server, new Sessions(server));
    server.once('close', () => this.#servers.delete(server));
    const { ports, paths } = this.#passed;
    if (this.#isReady || (ports.size + paths.length > 0 && !isPassed)) return;
    this.#isReady = true;
    // What the program does in its own listeners comes first.
    server.once('listening', () => setImmediate(() => this.#connect()));
  }

  #connect(): void {
    const socket = net.connect(this.#path).unref();
    let said = '';
    socket.once('connect', () => notify.ready());
    // Whoever started us has gone: there is nobody to tell.
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      said += String(bytes);
      const [, timeout] = /^drain (\d+)\n/.exec(said) ?? [];
      if (timeout === undefined) return;
      said = '';
      this.#drain(Number(timeout)).then((closed) => socket.write(`drained ${closed}\n`));
    });
  }

  async #drain(timeout: number): Promise<number> {
    const counts = await Promise.all([...this.#servers].map(([server, sessions]) => drain(server, sessions, timeout)));
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/** Puts this process under the `exactbind run` that has started it; not its children and its workers. */
export function supervise(): void {
  const { env } = process.getBuiltinModule('node:process');
  const { EXACTBIND_RUN: path, LISTEN_PID } = env;
  const { isMainThread } = process.getBuiltinModule('node:worker_threads');
  if (path === undefined || LISTEN_PID !== String(process.pid) || !isMainThread) return;
  delete env['EXACTBIND_RUN'];
  const supervised = new Supervised(path, passedBy(env));
  onListen((server) => supervised.add(server));
}
