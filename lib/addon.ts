// Loads the native addon and says in types what it offers.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A socket as the operating system numbers it: a file descriptor, or a SOCKET on Windows. */
export type Handle = number;

/** A row of the system's table of sockets that hold a port. */
export interface TableRow {
  address: string;
  pid: number;
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
  holders(family: number, type: number, port: number): TableRow[] | number;
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
    const { glibcVersionRuntime } = (process.report?.getReport() as { header?: { glibcVersionRuntime?: string } })
      ?.header ?? { glibcVersionRuntime: undefined };
    const libc =
      process.platform === 'linux' ? `, ${glibcVersionRuntime ? `glibc ${glibcVersionRuntime}` : 'musl'}` : '';
    throw Object.assign(
      new Error(
        `exactbind has no binary for ${process.platform} ${process.arch}${libc}: looked in ${root}prebuilds and ` +
          `${root}build/Release. Install a C++17 compiler and run "npm rebuild exactbind".`,
        { cause },
      ),
      { code: 'ERR_EXACTBIND_NO_BINARY' },
    );
  }
}

export const addon: Addon = load();
