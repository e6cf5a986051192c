// listenOrTake(): one line for a program that is restarted by whatever means.
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { canonical, isAny } from '../address.ts';
import { takeInheritedAt, takeInheritedPath } from '../adopt/inherited.ts';
import { resolveHost } from '../adopt/resolve-host.ts';
import { checkAnyOptions } from '../bind/any-request.ts';
import { placeOf } from '../bind/places.ts';
import {
  checkPort,
  checkSignal,
  checkTimeout,
  isName,
  type ListenOptions,
  type PathListenOptions,
  readListenOptions,
} from '../bind/request.ts';
import { BoundSocket } from '../bound-socket.ts';
import { aborted, systemError, wrongType } from '../errors.ts';
import { endsAt } from '../frames.ts';
import { listen } from '../listen.ts';
import { hasName, readAll, readOnce } from '../options-once.ts';
import { bare } from '../own.ts';
import { isSamePath } from '../unix/existing.ts';
import { findAgain } from '../unix/socket.ts';
import { isAnswered, isOffered } from './control.ts';
import { checkFolder, locked, pathOf, requireHandover } from './folder.ts';
import { checkOffer, Offer } from './offer.ts';
import { type Succession, take } from './take.ts';

/** The options of a hand-over, beside those of `listen()`. */
export interface HandoverOptions {
  /**
   * Where instances of this program find each other: a path, or a bare name. A bare name is a file in
   * `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR`, `/run/user/UID`, or on macOS the user's temporary folder.
   */
  handover: string;
  /** As in `offerSockets()`. @defaultValue 30000 */
  readyTimeout?: number | undefined;
  /** As in `offerSockets()`. @defaultValue 30000 */
  drainTimeout?: number | undefined;
}

/** Options of `listenOrTake()`. */
export interface ListenOrTakeOptions extends ListenOptions, HandoverOptions {}

/** Options of `listenOrTake()` for a Unix socket. */
export interface PathListenOrTakeOptions extends PathListenOptions, HandoverOptions {}

const OWN = { handover: true, readyTimeout: true, drainTimeout: true } as const;
const NEEDED = { port: true, host: true, signal: true } as const;

const NAME = 'server';

// How long one waits for an instance that is being started, or for a successor that is not ready yet.
const PATIENCE = 30_000;
const PAUSE = 5;

interface Asked {
  /** Of the offer. */
  readonly path: string;
  readonly listen: ListenOptions | PathListenOptions;
  readonly offer: { readyTimeout: number | undefined; drainTimeout: number | undefined };
  readonly signal: AbortSignal | undefined;
}

function read(options: ListenOrTakeOptions | PathListenOrTakeOptions): Asked {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'of type object', options);
  const { handover, readyTimeout, drainTimeout } = readOnce(options, OWN as never) as HandoverOptions;
  const { signal } = readOnce(options, NEEDED as never) as ListenOptions;
  if (readyTimeout !== undefined) checkTimeout('options.readyTimeout', readyTimeout);
  if (drainTimeout !== undefined) checkTimeout('options.drainTimeout', drainTimeout);
  // Each is read once here, and what listen() is given has no getters.
  const rest = Object.fromEntries(readAll(options, OWN)) as Asked['listen'];
  // What is wrong with it is said before anybody is asked to hand over.
  if (isPath(rest)) checkAnyOptions(readListenOptions(rest).bind);
  else if (hasName(rest, 'port')) checkPort(rest.port);
  return {
    path: pathOf('options.handover', handover),
    listen: rest,
    offer: { readyTimeout, drainTimeout },
    signal: checkSignal('options.signal', signal),
  };
}

type Taken = BoundSocket<AddressInfo | string>;

const isPath = (asked: Asked['listen']): asked is PathListenOptions => asked.path !== undefined;

/** Whether a socket that was taken is where this program wants to listen. */
async function isWanted(bound: Taken, asked: Asked['listen']): Promise<boolean> {
  const local = bound.address();
  if (typeof local === 'string') return isPath(asked) && isPathOf(bound, local, asked.path);
  return !isPath(asked) && isAddressOf(local, asked);
}

/** By its file: another mount namespace may have that elsewhere. */
function isPathOf({ file }: Taken, name: string, asked: string): boolean {
  return file === undefined ? isSamePath(name, asked) : findAgain(file, asked);
}

async function isAddressOf(local: AddressInfo, { port, host }: ListenOptions): Promise<boolean> {
  const number = port === undefined ? 0 : checkPort(port);
  if (number !== 0 && number !== local.port) return false;
  if (host === undefined) return isAny(local.address);
  const literal = isName(host) ? await resolveHost(host) : host;
  return canonical(literal).address === canonical(local.address).address;
}

function offer(server: Server, asked: Asked, isLocked: boolean): Promise<Offer> {
  const sockets = [{ name: NAME, socket: server }];
  return new Offer(checkOffer({ path: asked.path, sockets, ...asked.offer })).open(isLocked);
}

function rest(signal: AbortSignal | undefined): Promise<void> {
  return pause(PAUSE, undefined, bare(signal === undefined ? {} : { signal }));
}

const GONE = new Set(['ENOENT', 'ECONNREFUSED']);

/** Undefined where nobody offers. */
async function takeFrom(asked: Asked, deadline: number): Promise<Succession | undefined> {
  for (;;) {
    try {
      // An instance on a busy machine may be slow to answer: nothing is gained by giving it up early.
      return await take(asked.path, Math.max(deadline - performance.now(), 0), asked.signal);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (GONE.has(code)) return undefined;
      if (code !== 'ERR_EXACTBIND_HANDOVER_BUSY' || performance.now() >= deadline) throw error;
    }
    // Another successor is at it, and becomes the one to take from.
    await rest(asked.signal);
  }
}

/** listen() of either, which its overloads part. */
const listenAt = listen as (server: Server, where: Asked['listen'] | Taken) => Promise<AddressInfo | string>;

/** Asks again of an instance that does not answer in the time that ready() gives it. */
async function becomeReady(succession: Succession, deadline: number): Promise<void> {
  for (;;) {
    try {
      await succession.ready();
      return;
    } catch (error) {
      if (!succession.canAskAgain || performance.now() >= deadline) throw error;
    }
  }
}

async function succeed(
  server: Server,
  succession: Succession,
  asked: Asked,
  deadline: number,
): Promise<AddressInfo | string> {
  const [first] = succession.sockets;
  let made: Offer | undefined;
  try {
    const isOurs = first !== undefined && (await isWanted(first.socket, asked.listen));
    const address = await listenAt(server, isOurs ? first.socket : asked.listen);
    made = await offer(server, asked, false);
    await becomeReady(succession, deadline);
    // Of another address, nobody needs it any more.
    for (const { socket } of succession.sockets) socket.discard();
    return address;
  } catch (error) {
    await made?.close();
    if (server.listening) server.close();
    await succession.abandon();
    throw error;
  }
}

/** The socket that whoever started this process has opened for this address. */
async function inherited(asked: Asked['listen']): Promise<Taken | undefined> {
  if (isPath(asked)) {
    const found = takeInheritedPath(asked.path);
    return found === undefined ? undefined : new BoundSocket<string>(undefined, found);
  }
  const { port, host, ipv6Only } = asked;
  if (port === undefined || checkPort(port) === 0) return undefined;
  const literal = host !== undefined && isName(host) ? await resolveHost(host) : host;
  const opened = takeInheritedAt(placeOf({ host: literal }), checkPort(port), ipv6Only === true);
  return opened === undefined ? undefined : new BoundSocket(undefined, opened);
}

async function listenAndOffer(server: Server, asked: Asked): Promise<AddressInfo | string> {
  const address = await listenAt(server, (await inherited(asked.listen)) ?? asked.listen);
  try {
    await offer(server, asked, true);
  } catch (error) {
    server.close();
    throw error;
  }
  return address;
}

/**
 * Makes a server listen: takes over from a running instance of this program, or else listens anew. Then it offers its
 * socket to the next. If two start at once, one listens and the other takes over from it.
 *
 * If the running instance has a different address, this one listens on its own, and the running one drains all the
 * same.
 *
 * - Linux, macOS: through a Unix socket that only this user can reach.
 * - Windows: `ENOTSUP`.
 *
 * @returns the address, once the server is listening and the previous instance has stopped accepting
 * @throws what `listen()`, `takeSockets()` and `offerSockets()` throw; Error `ENOENT` if no folder exists for a bare
 * name
 */
export function listenOrTake(server: Server, options: ListenOrTakeOptions): Promise<AddressInfo>;
/**
 * The same for a Unix socket. Its file stays from instance to instance; the last one removes it when it closes its server.
 * @returns the path, once the server is listening and the previous instance has stopped accepting
 * @throws what `listen({ path })`, `takeSockets()` and `offerSockets()` throw; Error `ENOENT` if no folder exists for a
 * bare name
 */
export function listenOrTake(server: Server, options: PathListenOrTakeOptions): Promise<string>;
export async function listenOrTake(
  server: Server,
  options: ListenOrTakeOptions | PathListenOrTakeOptions,
): Promise<AddressInfo | string> {
  requireHandover('listenOrTake');
  return endsAt(listenOrTake, takeOrListen(server, read(options)));
}

async function takeOrListen(server: Server, asked: Asked): Promise<AddressInfo | string> {
  const { path, signal } = asked;
  if (signal?.aborted) throw aborted(signal.reason);
  if (isOffered(path)) {
    const remark = 'this process offers there: give each server a name of its own';
    throw systemError({ code: 'EADDRINUSE', syscall: 'bind', remark }, { address: path, port: 0 });
  }
  checkFolder(path);
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const running = await takeFrom(asked, deadline);
    if (running !== undefined) return succeed(server, running, asked, deadline);
    // Under the lock it is certain that nobody offers; nothing there may wait for somebody who needs it.
    const address = await locked(path, deadline, signal, async () =>
      isAnswered(path) ? undefined : listenAndOffer(server, asked),
    );
    if (address !== undefined) return address;
    if (performance.now() >= deadline) {
      const remark = 'an instance is there, and hands nothing over';
      throw systemError({ code: 'ETIMEDOUT', syscall: 'connect', remark }, { address: path, port: 0 });
    }
    await rest(signal);
  }
}
