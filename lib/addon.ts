// Loads the native addon and says in types what it offers.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A socket as the operating system numbers it: a file descriptor, or a SOCKET on Windows. */
export type Handle = number;

/** A socket that has a port, as the system lists it; what it does not tell is absent. */
export interface SocketRow {
  address: string;
  family: 4 | 6;
  /** Linux's number of it on every system: see native/os.h. */
  state: number;
  ipv6Only?: boolean | undefined;
  /** False of leftovers: no process has it open. */
  isOpen: boolean;
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  reuseAddress?: boolean | undefined;
  reusePort?: boolean | undefined;
  uid?: number | undefined;
  user?: string | undefined;
  inode?: number | undefined;
  pid?: number | undefined;
  /** The path of its control group. */
  cgroup?: string | undefined;
  executable?: string | undefined;
  directory?: string | undefined;
  arguments?: string[] | undefined;
  /** Milliseconds until a TIME_WAIT ends. */
  timeLeft?: number | undefined;
}

export interface SocketList {
  /** Of the list itself. */
  error: number;
  /** Of the search for pids: ETIMEDOUT if the budget was too short. */
  ownersError: number;
  sockets: SocketRow[];
}

export interface LocalAddress {
  address: string;
  family: 4 | 6;
  port: number;
}

/** Every number called `error` is 0 or the operating system's own (errno, WSAGetLastError). */
export interface Addon {
  /** Runs a plan (native/plan.h). -1 on failure, and `status` says why; a failure leaves nothing open. */
  open(plan: Int32Array, host: string, port: number): Handle;
  /** Opens a socket without binding it. -1 on failure, and `status` says why. */
  socket(family: number, type: number, protocol?: number): Handle;
  set(handle: Handle, settings: Int32Array): number;
  /** Sets the options, then binds. */
  bind(handle: Handle, settings: Int32Array, host: string, port: number): number;
  /** Listens, then sets the options. */
  listen(handle: Handle, settings: Int32Array, backlog: number): number;
  get(handle: Handle, level: number, option: number, length: number): Uint8Array | number;
  /** Reads the option that `call` names to where its value is. */
  getInt(): number;
  /** Sets the option that `call` names to its value. */
  setInt(): number;
  /** Of getInt() and setInt(): handle, level, option, value. Arguments would cost more than the system call allows. */
  readonly call: Int32Array;
  setBytes(handle: Handle, level: number, option: number, value: Uint8Array): number;
  /** Sets an option whose value is a classic BPF program. */
  attachFilter(handle: Handle, option: number, instructions: Uint8Array): number;
  /** WSAIoctl(). */
  control(handle: Handle, code: number, input: Uint8Array, length: number): Uint8Array | number;
  /** On Windows, the sockets of this environment's event loop: each one's number, then whether it is referenced. */
  loopSockets(): Float64Array | number;
  localAddress(handle: Handle): LocalAddress | number | null;
  /** The port that a socket is bound to, 0 if it is not bound; or the error, negative. */
  localPort(handle: Handle): number;
  /**
   * The sockets on a port whose state's bit is in `states`. `budget` is the milliseconds that the search for pids may
   * take; below 0, the names of processes, users and control groups are left out.
   */
  sockets(type: number, port: number, states: number, budget: number): SocketList;
  /** The same, off the main thread. */
  socketsAsync(type: number, port: number, states: number, budget: number): Promise<SocketList>;
  /**
   * Calls `wake` when sockets of a type and a local port have gone, and keeps the event loop alive until the function that
   * it returns is called. The error where the system does not tell, or not this user.
   */
  watchPort(type: number, port: number, wake: () => void): (() => void) | number;
  /** The same of a process that has ended. */
  watchProcess(pid: number, wake: () => void): (() => void) | number;
  /** Closes a socket that this environment opened and still owns; another is left alone. */
  close(handle: Handle): number;
  /** Gives up ownership; false if the socket was not (or no longer) owned. */
  release(handle: Handle): boolean;
  duplicate(handle: Handle): Handle;
  /** Of the last open, socket, set, bind, listen or duplicate: error, step, attempt, level, option. */
  readonly status: Int32Array;
  readonly constants: Readonly<Record<string, number>>;
}

/** The system calls that `status` can name, by their number in native/plan.h. */
export const STEPS = ['', 'socket', 'setsockopt', 'bind', 'listen'] as const;

function load(): Addon {
  const require = createRequire(import.meta.url);
  const root = fileURLToPath(new URL('..', import.meta.url));
  try {
    return require('node-gyp-build')(root) as Addon;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED') throw cause;
    const { glibcVersionRuntime: glibc } = (
      process.report?.getReport() as { header?: { glibcVersionRuntime?: string } }
    )?.header ?? { glibcVersionRuntime: undefined };
    const isLinux = process.platform === 'linux';
    const libc = isLinux ? ` (${glibc ? `glibc ${glibc}` : 'musl'})` : '';
    const file = `${process.platform}-${process.arch}/exactbind.${isLinux ? `${glibc ? 'glibc' : 'musl'}.` : ''}node`;
    throw Object.assign(
      new Error(
        `exactbind has no binary that loads on ${process.platform} ${process.arch}${libc}: looked for ` +
          `${root}build/Release/exactbind.node and ${root}prebuilds/${file}. ` +
          'Install a C++17 compiler and Python 3, then run "npm rebuild exactbind".',
        { cause },
      ),
      { code: 'ERR_EXACTBIND_NO_BINARY' },
    );
  }
}

export const addon: Addon = load();
// What this system lacks is absent, whatever a program has put into Object.prototype.
Object.setPrototypeOf(addon.constants, null);
