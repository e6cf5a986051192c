// Sockets that systemd, `exactbind run` or another starter has opened for this process (sd_listen_fds(3)).
import { addon, type Handle } from '../addon.ts';
import { type Existing, existing, isFailure, type Kind, kindOf, type PortKind } from '../bind/existing.ts';
import type { Place } from '../bind/places.ts';
import { codeOf, outOfRange, systemError, wrongValue } from '../errors.ts';
import { bare, has } from '../own.ts';
import { system } from '../platform.ts';
import { printable } from '../printable.ts';
import { existingPath, isSamePath } from '../unix/existing.ts';
import type { BoundPath } from '../unix/socket.ts';

/** The first of them: SD_LISTEN_FDS_START. */
const FIRST = 3;

/** As many as a process can have open before anybody raises its limit. */
const MOST = 1024 - FIRST;

const VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDNAMES'] as const;

/** What systemd calls a descriptor without a name. */
const NAMELESS = 'unknown';

/** A descriptor that was passed, and how its starter calls it. */
interface Passed {
  readonly name: string;
  readonly handle: Handle;
}

function environment(): NodeJS.ProcessEnv {
  // Jest gives its tests a copy.
  return process.getBuiltinModule('node:process').env;
}

/** Whether the descriptors are for this process: what was passed to its parent is not. */
function isForUs(): boolean {
  const { LISTEN_FDS, LISTEN_PID } = environment();
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(process.pid) || system === 'windows') return false;
  return process.getBuiltinModule('node:worker_threads').isMainThread;
}

function countOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw wrongValue('LISTEN_FDS', printable(text), 'must be a number');
  const count = Number(text);
  if (count > MOST) throw outOfRange('LISTEN_FDS', `<= ${MOST}`, count);
  return count;
}

/** @throws TypeError `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE` */
function passed(): Passed[] {
  if (!isForUs()) return [];
  const { LISTEN_FDS = '', LISTEN_FDNAMES } = environment();
  const count = countOf(LISTEN_FDS);
  const names = LISTEN_FDNAMES === undefined ? undefined : LISTEN_FDNAMES.split(':');
  if (names !== undefined && names.length !== count && count > 0) {
    throw wrongValue(
      'LISTEN_FDNAMES',
      printable(LISTEN_FDNAMES ?? ''),
      `must be ${count} names with colons between them`,
    );
  }
  return Array.from({ length: count }, (_, at) => ({ name: names?.[at] || NAMELESS, handle: FIRST + at }));
}

function forget(): void {
  const env = environment();
  for (const name of VARIABLES) delete env[name];
}

/** A socket that was taken over. */
export interface Inherited {
  readonly name: string;
  readonly opened: Existing | BoundPath;
}

/** What has been found of a descriptor, before anything of it changes. */
interface Known<Of extends Kind = Kind> extends Passed {
  readonly kind: Of;
}

const isPort = (one: Known): one is Known<PortKind> => !has(one.kind, 'path');

function known({ name, handle }: Passed): Known {
  const kind = kindOf(handle);
  if (!isFailure(kind)) return { name, handle, kind };
  const what = `descriptor ${handle} ('${printable(name)}')`;
  throw systemError({ ...kind, remark: kind.remark === undefined ? what : `${what}: ${kind.remark}` });
}

/** It is this process's own from here on. */
function own({ name, handle }: Known): Handle {
  const error = addon.inherit(handle);
  if (error === 0) return handle;
  throw systemError({ code: codeOf(error), syscall: 'fcntl', remark: `descriptor ${handle} ('${printable(name)}')` });
}

const nameOf = ({ kind }: Known) => (kind as { path: string }).path;

function opened(one: Known): Existing | BoundPath {
  return isPort(one) ? existing(own(one), one.kind) : existingPath(own(one), nameOf(one));
}

/** All that has been passed and not been taken before. Whatever is wrong with one of them, none is taken. */
export function takeInherited(): Inherited[] {
  const all = left ?? passed().map(known);
  const done: Inherited[] = [];
  try {
    for (const one of all) done.push({ name: one.name, opened: opened(one) });
  } catch (error) {
    // As they were: the program may know better what to do with them.
    for (const { handle } of all.slice(0, done.length)) addon.release(handle);
    throw error;
  }
  left = [];
  forget();
  return done;
}

/** What the hook has looked at and nobody has taken; undefined before anybody has looked. */
let left: Known[] | undefined;

function look(): Known[] {
  if (left !== undefined) return left;
  left = [];
  try {
    for (const one of passed()) {
      const kind = kindOf(one.handle);
      // What a program does not ask for is not the hook's to judge.
      if (!isFailure(kind)) left.push({ ...one, kind });
    }
  } catch (error) {
    const { message } = error as Error;
    process.emitWarning(message, bare({ type: 'ExactbindWarning', code: 'EXACTBIND_INHERITED' }));
  }
  return left;
}

const isSame = (one: string, { address, addressFamily }: Place) =>
  one === address || (addressFamily === 4 && one === `::ffff:${address}`);

function takeOne(isIt: (one: Known) => boolean): Known | undefined {
  const all = look();
  const at = all.findIndex(isIt);
  const [found] = at === -1 ? [] : all.splice(at, 1);
  if (found !== undefined) forget();
  return found;
}

/** The socket that was passed for this very address, for the hook. */
export function takeInheritedAt(place: Place, port: number, ipv6Only: boolean): Existing | undefined {
  const found = takeOne((one) => {
    if (!isPort(one)) return false;
    const { kind } = one;
    if (kind.protocol !== 'tcp' || kind.port !== port || kind.family !== place.family) return false;
    // What is bound to one address of IPv6 covers no other family, whatever its mark.
    return isSame(kind.address, place) && (kind.address !== '::' || kind.ipv6Only === ipv6Only);
  });
  return found === undefined ? undefined : (opened(found) as Existing);
}

/** The same of a Unix socket. */
export function takeInheritedPath(path: string): BoundPath | undefined {
  const found = takeOne((one) => !isPort(one) && isSamePath(nameOf(one), path));
  return found === undefined ? undefined : existingPath(own(found), nameOf(found), path);
}
