// Loads the native addon and says in types what it offers.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A socket as the operating system numbers it: a file descriptor, or a SOCKET on Windows. */
export type Handle = number;

/** A process, as far as this user may look into it. */
export interface ProcessRow {
  pid: number;
  /** As the kernel calls it, often shortened. */
  name?: string | undefined;
  executable?: string | undefined;
  directory?: string | undefined;
  arguments?: string[] | undefined;
  uid?: number | undefined;
  user?: string | undefined;
  /** The pid of its parent. */
  parent?: number | undefined;
  /** Milliseconds since the epoch. */
  startedAt?: number | undefined;
}

/** A socket that has a port, as the system lists it; what it does not tell is absent. */
export interface SocketRow {
  /** With its zone, where it has one. */
  address: string;
  family: 4 | 6;
  /** Linux's number of it on every system: see native/os.h. */
  state: number;
  ipv6Only?: boolean | undefined;
  /** False of leftovers: no process has it open. */
  isOpen: boolean;
  /** How many sockets differ from it in nothing that decides who may bind, itself included; 0 of those that follow it. */
  count: number;
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  reuseAddress?: boolean | undefined;
  reusePort?: boolean | undefined;
  uid?: number | undefined;
  user?: string | undefined;
  inode?: number | undefined;
  /** The processes that have it open, as far as they were looked up and are seen. */
  pids: number[];
  /** The interface that it is bound to. */
  device?: string | undefined;
  /** The path of its control group. */
  cgroup?: string | undefined;
  /** Milliseconds until a TIME_WAIT ends. */
  timeLeft?: number | undefined;
  /** The longest of those that `count` counts. */
  lastTimeLeft?: number | undefined;
}

export interface SocketList {
  /** Of the list itself. */
  error: number;
  /** Of the search for pids: ETIMEDOUT if it took too long. */
  ownersError: number;
  /** Whether nobody else can have the sockets open, as far as that can be known. */
  areOwnersWhole: boolean;
  /** Whether every kind of socket has a row: at most 100 have one. */
  isWhole: boolean;
  sockets: SocketRow[];
  /** Those that `pids` names, and their parents. */
  processes: ProcessRow[];
}

/** A list of Unix sockets: they have no address of their own, but the path that was asked for. */
export interface PathSocketList extends Omit<SocketList, 'sockets'> {
  sockets: (Omit<SocketRow, 'address'> & { address: null })[];
}

/** A file that a path names. */
export interface FileRow {
  /** Its device and inode: the same for the same file as long as that exists. */
  id: string;
  /** Its type and permissions (inode(7)). */
  mode: number;
  uid: number;
}

export interface LocalAddress {
  address: string;
  family: 4 | 6;
  port: number;
}

/** Every number called `error` is 0 or the operating system's own (errno, WSAGetLastError). */
export interface Addon {
  /**
   * Runs a plan (native/plan.h), on a socket of its own or on the one that is given. -1 on failure, and `status` says why; a
   * failure leaves nothing open.
   */
  open(plan: Int32Array, host: string, port: number, given?: Handle): Handle;
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
   * The sockets on a port whose state's bit is in `states`; `names` is 0 for no processes, users and control groups, 1 for
   * those that are found in time (native/look.h), 2 for all. Null if the system hung, of 1 only.
   */
  sockets(type: number, port: number, states: number, names: 0 | 1 | 2): SocketList | null;
  /** The same on a thread of its own. */
  socketsAsync(type: number, port: number, states: number, names: 0 | 1 | 2): Promise<SocketList>;
  /** The sockets of AF_UNIX with a path or an abstract name that may still be connected to, like `sockets()`. */
  pathSockets(name: string, names: 0 | 1 | 2): PathSocketList | null;
  pathSocketsAsync(name: string, names: 0 | 1 | 2): Promise<PathSocketList>;
  /** The path or abstract name that a socket is bound to, '' if there is none; or the error. */
  localPath(handle: Handle): string | number;
  /** What is at a path, or the error. A symbolic link is followed only if that is asked for. */
  fileAt(path: string, follow: boolean): FileRow | number;
  /**
   * Makes or opens a file of mode 0600 and locks it, which `close()` ends: its handle, or the error, negative. ETIMEDOUT if
   * somebody else kept it for so long, EEXIST if what is there can be opened by others.
   */
  lockPath(path: string, milliseconds: number): Handle;
  removeFile(path: string): number;
  /** Sets the permissions of a socket's file. */
  setFileMode(path: string, mode: number): number;
  /** 0 if this user may make and remove files in a folder. */
  mayChangeFolder(path: string): number;
  /**
   * Calls `wake` when sockets of a type and a local port from `first` to `last` have gone, and keeps the event loop alive
   * until the function that it returns is called. The error where the system does not tell, or not this user.
   */
  watchPorts(type: number, first: number, last: number, wake: () => void): (() => void) | number;
  /** The same of a process that has ended. */
  watchProcess(pid: number, wake: () => void): (() => void) | number;
  /** What is known of a process; undefined if none has that number. */
  process(pid: number): ProcessRow | undefined;
  /** A pidfd or a HANDLE, which stays that process's; the error, negative, where there is none. */
  openProcess(pid: number): number;
  /** Sends a signal, or asks with 0 whether it could be sent; Windows ends the process, whatever the signal. */
  signalProcess(process: number, signal: number): number;
  closeProcess(process: number): number;
  /** The 32-bit number at an offset of an option's value; 0 if there is none. */
  numberIn(handle: Handle, level: number, option: number, offset: number): number;
  /** Closes a socket that this environment opened and still owns; another is left alone. */
  close(handle: Handle): number;
  /** Gives up ownership; false if the socket was not (or no longer) owned. */
  release(handle: Handle): boolean;
  duplicate(handle: Handle): Handle;
  /** Binds a Unix socket to a path. */
  bindPath(handle: Handle, path: string): number;
  connectPath(handle: Handle, path: string): number;
  /** Sends bytes through a Unix socket, and handles with the first of them: how many bytes, or the error, negative. */
  sendHandles(handle: Handle, bytes: Uint8Array, handles: readonly Handle[]): number;
  /** What has come, up to `length` bytes; the handles are owned like those that were opened. No bytes: the end. */
  receiveHandles(handle: Handle, length: number): { bytes: Uint8Array; handles: Handle[] } | number;
  /** Locks an open file against other processes until it is closed. */
  lockFile(descriptor: number): number;
  /** Sends a datagram, and handles with it, to a Unix socket: a path, or an abstract name that begins with `\0`. */
  sendNotice(name: string, text: string, handles: readonly Handle[]): number;
  /** Receives datagrams at a path, and keeps the event loop alive until the function that it returns is called. */
  openInbox(name: string, heard: (text: string) => void): (() => void) | number;
  /** Makes an inherited descriptor one that this environment owns, no child inherits, and never blocks. */
  inherit(handle: Handle): number;
  /** Of the last open, socket, set, bind, listen or duplicate: see `STATUS`. */
  readonly status: Int32Array;
  readonly constants: Readonly<Record<string, number>>;
}

/**
 * Where `status` has what: an error and the step that failed (`STEPS`); the attempt of a plan; the option that was refused;
 * the guard that a plan left open, or -1; the socket that it failed on, 0 for the one asked for.
 */
export const STATUS = { error: 0, step: 1, attempt: 2, level: 3, option: 4, guard: 5, slot: 6 } as const;

/** The system calls that `status` can name, by their number in native/plan.h. */
export const STEPS = ['', 'socket', 'setsockopt', 'bind', 'listen'] as const;

const ROOT = join(__dirname, '..');

// The variable is node-gyp-build's, for programs that keep the binaries elsewhere. A bundle has this code where it was
// put, and the binaries beside it.
const { EXACTBIND_PREBUILD: elsewhere } = process.env;
const FOLDERS: readonly string[] = elsewhere ? [elsewhere] : [ROOT, __dirname];

interface ErrorWithCode extends Error {
  code?: string;
}

/** The binaries of a release for this machine. Which libc a Linux has, nothing tells as soon as its loader does. */
function candidates(folders: readonly string[]): string[] {
  const { platform, arch } = process;
  const endings = platform === 'linux' ? ['.glibc.node', '.musl.node'] : ['.node'];
  return folders.flatMap((folder) =>
    endings.map((ending) => join(folder, 'prebuilds', `${platform}-${arch}`, `exactbind${ending}`)),
  );
}

function open(file: string): Addon {
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports as Addon;
}

/** The binary that was loaded, and why it was that one. */
export interface Loaded {
  readonly path: string;
  readonly why: 'compiled' | 'prebuilt' | 'node-gyp-build';
  /** What those said that were tried before. */
  readonly refusals: readonly string[];
}

/** Loads nothing from outside the package, which the permission model would refuse. */
function load(): Loaded & { readonly addon: Addon } {
  const local = join(FOLDERS[0] as string, 'build', 'Release', 'exactbind.node');
  // A user who compiled one wants it. This variable too is node-gyp-build's.
  const files = process.env['PREBUILDS_ONLY'] === undefined && existsSync(local) ? [local] : candidates(FOLDERS);
  const refusals: ErrorWithCode[] = [];
  const saying = () => refusals.map(({ message }) => message);
  for (const path of files) {
    try {
      return { addon: open(path), path, why: path === local ? 'compiled' : 'prebuilt', refusals: saying() };
    } catch (error) {
      refusals.push(error as ErrorWithCode);
      if ((error as ErrorWithCode).code === 'ERR_DLOPEN_DISABLED') break;
    }
  }
  const [first] = refusals;
  if (first?.code === 'ERR_DLOPEN_DISABLED') throw disabled(first);
  try {
    // It knows other names of a binary, and other places of a build.
    const find = require('node-gyp-build') as { resolve(root: string): string };
    const path = find.resolve(ROOT);
    return { addon: open(path), path, why: 'node-gyp-build', refusals: saying() };
  } catch (error) {
    throw missing([...refusals, error as Error], [local, ...candidates(isInPackage() ? FOLDERS.slice(0, 1) : FOLDERS)]);
  }
}

function disabled(cause: ErrorWithCode): Error {
  const message = 'exactbind is a native addon, and this process may load none: --permission needs --allow-addons';
  return Object.assign(new Error(message, { cause }), { code: 'ERR_DLOPEN_DISABLED' });
}

function libcOf(): string {
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  if (process.platform !== 'linux' || report === undefined) return '';
  const { excludeNetwork = false } = report;
  // With it, the report asks for the names of all addresses.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  report.excludeNetwork = excludeNetwork;
  const glibc = header?.glibcVersionRuntime;
  return ` (${glibc === undefined ? 'musl' : `glibc ${glibc}`})`;
}

const command = join(ROOT, 'dist', 'cli.cjs');

function isInPackage(): boolean {
  return existsSync(command);
}

/** The command of this copy of the package; undefined in a bundle, which has none. */
export function commandFile(): string | undefined {
  return isInPackage() ? command : undefined;
}

// The path of this very copy: npx would fetch and compile another one where the package is no direct dependency.
function advice(): string {
  if (isInPackage()) return `Compile one: node ${/\s/.test(command) ? `"${command}"` : command} build`;
  return `This copy is in a bundle: put the package's folder prebuilds/ into ${__dirname}`;
}

function missing(causes: readonly Error[], looked: readonly string[]): Error {
  const { platform, arch } = process;
  const found = causes.slice(0, -1).map(({ message }) => message.split(/\r?\n/)[0] ?? '');
  const why = found.filter(
    (message) => !/cannot open shared object file|no such file|could not be found/i.test(message),
  );
  const message =
    `exactbind has no binary that loads on ${platform} ${arch}${libcOf()}: looked for ${looked.join(', ')}` +
    `${why.length > 0 ? ` (${why.join('; ')})` : ''}. ${advice()}`;
  return Object.assign(new Error(message, { cause: causes.at(-1) }), { code: 'ERR_EXACTBIND_NO_BINARY' });
}

const { addon: found, ...how } = load();

export const addon: Addon = found;
export const loaded: Loaded = how;
// What this system lacks is absent, whatever a program has put into Object.prototype.
Object.setPrototypeOf(addon.constants, null);
