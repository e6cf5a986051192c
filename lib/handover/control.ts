// The listener by which an offer is found: its socket file, made under a lock, and the one that came from the process before.
import fs from 'node:fs';
import net, { type Socket } from 'node:net';
import { addon, type Handle } from '../addon.ts';
import { adoptControl } from '../adopt/accepting.ts';
import { numberOfSocket } from '../adopt/socket-number.ts';
import { codeOf, systemError } from '../errors.ts';
import { bare } from '../own.ts';
import { checkFolder, locked, socketAt } from './folder.ts';

const { AF_UNIX = 1, SOCK_STREAM = 1 } = addon.constants;
const NO_SETTINGS = new Int32Array([0]);
const BACKLOG = 64;

export function openUnix(): Handle {
  const socket = addon.socket(AF_UNIX, SOCK_STREAM, 0);
  if (socket === -1) throw systemError({ code: codeOf(addon.status[0] as number), syscall: 'socket' });
  return socket;
}

/** What connecting there says: undefined if somebody listens. */
function refusalAt(path: string): string | undefined {
  const socket = openUnix();
  try {
    const error = addon.connectPath(socket, path);
    const code = error === 0 ? undefined : codeOf(error);
    // Its queue is full: there is one.
    return code === 'EAGAIN' ? undefined : code;
  } finally {
    addon.close(socket);
  }
}

/** Whether somebody listens there, whoever that is. */
export function isAnswered(path: string): boolean {
  return socketAt(path) !== undefined && refusalAt(path) === undefined;
}

function check(error: number, syscall: string, path: string): void {
  if (error !== 0) throw systemError({ code: codeOf(error), syscall }, { address: path, port: 0 });
}

/** Replaces what an earlier run has left, if nobody listens there; the caller has the lock. */
function bindAt(path: string): Handle {
  if (socketAt(path) !== undefined) {
    const code = refusalAt(path);
    if (code !== 'ECONNREFUSED' && code !== 'ENOENT') {
      const remark = code === undefined ? 'another process offers its sockets there' : `connect says ${code}`;
      throw systemError({ code: 'EADDRINUSE', syscall: 'bind', remark }, { address: path, port: 0 });
    }
    fs.rmSync(path, bare({ force: true }));
  }
  const socket = openUnix();
  try {
    // Linux binds with this mode; elsewhere the folder keeps others out until chmod.
    try {
      fs.fchmodSync(socket, 0o600);
    } catch {}
    check(addon.bindPath(socket, path), 'bind', path);
    fs.chmodSync(path, 0o600);
    check(addon.listen(socket, NO_SETTINGS, BACKLOG), 'listen', path);
  } catch (error) {
    addon.close(socket);
    throw error;
  }
  return socket;
}

/** A control listener that came with a take: an offer at the same path goes on with it. */
export interface Kept {
  readonly socket: Handle;
  readonly inode: number | undefined;
  /** Whether the file is ours: the process before has gone. */
  isOurs: boolean;
}

const kept = new Map<string, Kept>();

export function keep(path: string, socket: Handle): Kept {
  const one: Kept = { socket, inode: socketAt(path), isOurs: false };
  kept.set(path, one);
  return one;
}

/** Closes one that no offer has taken. */
export function drop(path: string, one: Kept): void {
  if (kept.get(path) !== one) return;
  kept.delete(path);
  addon.close(one.socket);
}

/** The paths at which this process offers. */
const offered = new Set<string>();

export const isOffered = (path: string): boolean => offered.has(path);

/** A listener that others find by its path. */
export class Control {
  readonly path: string;
  readonly #server = net.createServer();
  readonly #kept: Kept | undefined;
  readonly #inode: number | undefined;

  private constructor(path: string, socket: Handle, inherited: Kept | undefined, onConnection: (peer: Socket) => void) {
    this.path = path;
    this.#kept = inherited;
    this.#inode = inherited === undefined ? socketAt(path) : inherited.inode;
    const server = this.#server;
    server.maxConnections = BACKLOG;
    server.on('connection', onConnection);
    // Of a listener, an error is one of accept(): the next connection may succeed.
    server.on('error', () => {});
    server.listen(adoptControl(socket));
    // It is the sockets that are offered that keep a process alive.
    server.unref();
    offered.add(path);
  }

  /** @throws Error `EADDRINUSE`, `EACCES`, `ENOENT`, `ENAMETOOLONG`, `ERR_EXACTBIND_HANDOVER_FORBIDDEN`, `ETIMEDOUT` */
  static async open(path: string, onConnection: (peer: Socket) => void, timeout: number): Promise<Control> {
    checkFolder(path);
    // What came with a take replaces nothing.
    if (kept.has(path)) return Control.openLocked(path, onConnection);
    return locked(path, performance.now() + timeout, undefined, async () => Control.openLocked(path, onConnection));
  }

  /** The same for whoever has the lock. */
  static openLocked(path: string, onConnection: (peer: Socket) => void): Control {
    if (offered.has(path))
      throw systemError(
        { code: 'EADDRINUSE', syscall: 'bind', remark: 'this process offers there' },
        { address: path, port: 0 },
      );
    const inherited = kept.get(path);
    kept.delete(path);
    // Somebody has put another file there since: what was taken is no more found by it.
    const isFound = inherited !== undefined && socketAt(path) === inherited.inode;
    if (inherited !== undefined && !isFound) addon.close(inherited.socket);
    const socket = isFound ? inherited.socket : bindAt(path);
    try {
      return new Control(path, socket, isFound ? inherited : undefined, onConnection);
    } catch (error) {
      addon.close(socket);
      throw error;
    }
  }

  /** The descriptor that goes to the next instance. */
  get handle(): Handle {
    return numberOfSocket(this.#server);
  }

  /** Answers nobody any more. The file stays with whoever has taken the listener, or is removed. */
  async close(isHandedOver: boolean): Promise<void> {
    if (!this.#server.listening) return;
    offered.delete(this.path);
    const isOurs = this.#kept?.isOurs !== false;
    this.#server.close();
    if (isHandedOver || !isOurs) return;
    try {
      await locked(this.path, performance.now() + 1000, undefined, async () => {
        if (socketAt(this.path) === this.#inode) fs.rmSync(this.path, bare({ force: true }));
      });
    } catch {
      // Another starter replaces it, because nobody listens there.
    }
  }
}
