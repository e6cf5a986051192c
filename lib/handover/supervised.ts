// What an unmodified program does under `exactbind run`: says that it is ready, and drains when it is told to.
import type { Server } from 'node:net';
import net from 'node:net';
import { setImmediate } from 'node:timers';
import { addon } from '../addon.ts';
import { onListen } from '../adopt/hook.ts';
import { drain, Sessions } from './drain.ts';
import { notify } from './notify.ts';

const FIRST = 3;

/** The ports that were passed to this process. */
function portsOf(env: NodeJS.ProcessEnv): Set<number> {
  const count = Number(env['LISTEN_FDS'] ?? 0);
  const ports = Array.from({ length: Math.min(count, 1024) }, (_, at) => addon.localPort(FIRST + at));
  return new Set(ports.filter((port) => port > 0));
}

/** Servers that have been listening, and how to be told to let them go. */
class Supervised {
  readonly #servers = new Map<Server, Sessions>();
  readonly #ports: ReadonlySet<number>;
  readonly #path: string;
  #isReady = false;

  constructor(path: string, ports: ReadonlySet<number>) {
    this.#path = path;
    this.#ports = ports;
  }

  /** For each server that is about to emit 'listening'. */
  add(server: Server): void {
    const address = server.address();
    if (address === null || typeof address === 'string') return;
    this.#servers.set(server, new Sessions(server));
    server.once('close', () => this.#servers.delete(server));
    if (this.#isReady || (this.#ports.size > 0 && !this.#ports.has(address.port))) return;
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
  const supervised = new Supervised(path, portsOf(env));
  onListen((server) => supervised.add(server));
}
