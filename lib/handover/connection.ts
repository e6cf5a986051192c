// One end of a hand-over's connection: messages in the order in which they came, and who is at the other end.
import fs from 'node:fs';
import type { Socket } from 'node:net';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import { getPeerCredentials } from '../peer-credentials.ts';
import { ownUser } from './folder.ts';
import { encode, Frames, type Message } from './protocol.ts';

/** What came instead of a message. */
export type Missing = 'end' | 'late' | 'malformed';

export class Connection {
  readonly #socket: Socket;
  readonly #frames = new Frames();
  readonly #queue: (Message | Missing)[] = [];
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Uint8Array) => this.#read(bytes));
    // An error is the end as well, and 'close' follows.
    socket.on('error', () => {});
    socket.once('end', () => this.#put('end'));
    socket.once('close', () => this.#put('end'));
  }

  #read(bytes: Uint8Array): void {
    try {
      for (const message of this.#frames.push(bytes)) this.#put(message);
    } catch {
      this.#socket.pause();
      this.#put('malformed');
    }
  }

  #put(found: Message | Missing): void {
    this.#queue.push(found);
    this.#wake?.();
  }

  /** The next message, or what there is instead. The end and what is malformed stay, however often they are asked for. */
  async next(timeout: number): Promise<Message | Missing> {
    if (this.#queue.length === 0) {
      await new Promise<void>((resolve) => {
        // What came while this process was stopped is read before the time counts as up.
        const timer = setTimeout(() => setImmediate(resolve), timeout);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const [found] = this.#queue;
    if (typeof found === 'object') this.#queue.shift();
    return found ?? 'late';
  }

  /** False if the other end is known to have gone. */
  send(message: Message): boolean {
    if (this.#socket.destroyed || !this.#socket.writable) return false;
    this.#socket.write(encode(message));
    return true;
  }

  unref(): void {
    this.#socket.unref();
  }

  /** After what has been sent. */
  close(): void {
    this.#socket.end();
    this.#socket.resume();
    // The other end may never read it.
    const timer = setTimeout(() => this.#socket.destroy(), 1000).unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }
}

function line(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'latin1').trim();
  } catch {
    return undefined;
  }
}

/** Whether every user of this machine has a number here: else one stands for all others (user_namespaces(7)). */
function areUsersMapped(): boolean {
  return /^0\s+0\s+4294967295$/.test(line('/proc/self/uid_map') ?? '0 0 4294967295');
}

/** The process that has connected, as this one may call it; undefined where it is in a container of its own. */
export function pidOf(socket: Socket): number | undefined {
  try {
    return getPeerCredentials(socket)?.pid || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the same user is at the other end. The pid is not asked for: it is that of whoever called listen(), which after a
 * hand-over is somebody who has gone.
 */
export function isSameUser(socket: Socket | number): boolean {
  let uid: number | undefined;
  try {
    uid = getPeerCredentials(socket)?.uid;
  } catch {
    return false;
  }
  if (uid === undefined || uid !== ownUser()) return false;
  return uid !== Number(line('/proc/sys/kernel/overflowuid') ?? -1) || areUsersMapped();
}
