// Waiting for a port: waitForPort(), and the wait of listen() and bindUdp().
import { setImmediate } from 'node:timers';
import type { SocketRow } from './addon.ts';
import { endpoint, overlap } from './address.ts';
import { resolveHost } from './adopt/resolve-host.ts';
import { Alarm } from './alarm.ts';
import { placeOf, type Refused } from './bind/places.ts';
import { atPort } from './bind/ports.ts';
import {
  type BindRequest,
  checkBindOptions,
  checkSignal,
  checkTimeout,
  isName,
  type Limit,
  type ReadBindOptions,
  type WaitOptions,
} from './bind/request.ts';
import { tryBind } from './bind/socket.ts';
import { BoundSocket } from './bound-socket.ts';
import { aborted, codeOf, type SystemError, systemError, timedOut, wrongValue } from './errors.ts';
import { endsAt } from './frames.ts';
import { inspectPort, type ReadInspectOptions, readInspectOptions } from './inspect/index.ts';
import { mayBeRefused } from './inspect/limits.ts';
import { predict } from './inspect/predict.ts';
import { addReport, refusedError, refusedErrorLater } from './inspect/refusal.ts';
import type { Holder, InspectOptions, PortReport } from './inspect/report.ts';
import { sentenceOf } from './inspect/sentence.ts';
import { type Names, type Read, readOptions } from './options-once.ts';
import { bare, has, own } from './own.ts';
import {
  EVERY_STATE,
  existingOf,
  isConnection,
  isWhole,
  type ListedPort,
  listSocketsLater,
  listSocketsOnce,
  lookAnew,
  NAMES,
  RECEIVING,
} from './socket-list.ts';

// However often a waiter is woken, and whatever a look costs: nine tenths of its time are rest.
const REST = 9;

/** Not yet: the milliseconds until a leftover ends by itself, 0 if that is overdue, Infinity if nothing ends so. */
export interface Pending {
  readonly endsIn: number;
}

export const PENDING: Pending = { endsIn: Number.POSITIVE_INFINITY };

const isPending = (found: object): found is Pending => has(found, 'endsIn');

/** Looks until that finds something, and once more when the time is up. */
export async function repeat<T extends object>(
  alarm: Alarm,
  deadline: number,
  signal: AbortSignal | undefined,
  look: (isLast: boolean) => T | Pending | Promise<T | Pending>,
): Promise<T | Pending> {
  try {
    for (;;) {
      if (signal?.aborted) throw aborted(signal.reason);
      const began = performance.now();
      const isLast = began >= deadline;
      const looked = look(isLast);
      const found = looked instanceof Promise ? await looked : looked;
      if (isLast || !isPending(found)) return found;
      const now = performance.now();
      const left = Math.max(deadline - now, 0);
      const { endsIn } = found;
      await alarm.sleep(Math.min((now - began) * REST, left), Math.min(endsIn || left, left), endsIn === 0);
    }
  } finally {
    alarm.disarm();
  }
}

/** Whether the list of sockets alone refuses the address: of TCP only listeners are asked for, which takes no time. */
function isHeld(request: BindRequest): boolean {
  // Its options are the caller's, and may share the address.
  if (request.sharing === 'raw') return false;
  const { sockets } = listSocketsOnce(request, RECEIVING[request.protocol]);
  return predict(sockets, request, placeOf(request)) === false;
}

/** Ends the message of a refusal with how long that was. */
export function waited(error: SystemError, timeout: number): SystemError {
  const { message, stack } = error;
  error.message = `${message}; waited ${timeout} ms`;
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}

/** When the first leftover ends; what refused the address may have ended before it was listed. */
function endOf(sockets: readonly SocketRow[]): number {
  if (sockets.length === 0) return 0;
  return sockets.reduce((soonest, { timeLeft = soonest }) => Math.min(soonest, timeLeft), PENDING.endsIn);
}

/** Somebody else's process that has a socket on the port, for where the kernel reports processes alone. */
async function pidOn(port: ListedPort): Promise<number | undefined> {
  const { sockets } = await listSocketsLater(port, EVERY_STATE, NAMES.inTime);
  return sockets.flatMap(({ pids }) => pids).find((pid) => pid !== process.pid);
}

/** From the lowest port to the highest: a socket that goes between them wakes too, for nothing. */
function spanOf(ports: readonly number[]): { first: number; last: number } {
  return {
    first: ports.reduce((least, port) => Math.min(least, port)),
    last: ports.reduce((most, port) => Math.max(most, port)),
  };
}

async function alarmOn(
  { protocol, port, ports }: Pick<BindRequest, 'protocol' | 'port' | 'ports'>,
  signal: AbortSignal | undefined,
): Promise<Alarm> {
  const alarm = new Alarm({ protocol, ...spanOf(ports ?? [port]) }, signal);
  // Of many processes, none is worth a watch of its own.
  if (alarm.isTold || ports !== undefined) return alarm;
  const pid = await pidOn({ protocol, port });
  if (pid !== undefined) alarm.watchProcess(pid);
  return alarm;
}

// Ports that are looked at before others have their turn in the event loop.
const AT_A_TIME = 64;

/** Looks at each port of a list, until one can be bound or nothing can be; who may not have one goes on, too. */
async function lookAtPorts(
  request: BindRequest,
  signal: AbortSignal | undefined,
  look: (request: BindRequest) => BoundSocket | Refused | Pending,
): Promise<BoundSocket | Refused | Pending> {
  const { ports = [] } = request;
  let endsIn = Number.POSITIVE_INFINITY;
  for (const [at, port] of ports.entries()) {
    if (at % AT_A_TIME === AT_A_TIME - 1) await new Promise<void>((resolve) => setImmediate(resolve));
    if (signal?.aborted) throw aborted(signal.reason);
    const found = look(atPort(request, port));
    if (isPending(found)) endsIn = Math.min(endsIn, found.endsIn);
    else if (found instanceof BoundSocket || found.refusal.code !== 'EACCES') return found;
  }
  return { endsIn };
}

/**
 * Binds, and waits while somebody else holds the address.
 * @throws what `new BoundSocket()` throws; `EADDRINUSE` of the last attempt when the time is up; `AbortError`
 */
export async function bindWithin(options: ReadBindOptions, { timeout, signal }: Limit): Promise<BoundSocket> {
  if (signal?.aborted) throw aborted(signal.reason);
  const deadline = performance.now() + timeout;
  const first = BoundSocket.open(options) as BoundSocket | Refused;
  if (first instanceof BoundSocket) return first;
  const { request } = first;
  // Without a port there is none to wait for: every one is in use.
  if (first.refusal.code !== 'EADDRINUSE' || timeout === 0 || request.port === 0) throw await refusedErrorLater(first);
  let last = first;
  const alarm = await alarmOn(request, signal);
  const lookAt = (one: BindRequest, isLast: boolean): BoundSocket | Refused | Pending => {
    if (!isLast && isHeld(one)) return PENDING;
    const opened = BoundSocket.openAsked(one);
    // Of many who wait in this process, the others then see that one has it, and need not try.
    if (opened instanceof BoundSocket) lookAnew();
    if (opened instanceof BoundSocket || opened.refusal.code !== 'EADDRINUSE') return opened;
    last = opened;
    return { endsIn: endOf(listSocketsOnce(one, EVERY_STATE).sockets) };
  };
  const look = (isLast: boolean) =>
    // At the end as at the beginning: then the error reports all of them.
    request.ports === undefined || isLast
      ? lookAt(request, isLast)
      : lookAtPorts(request, signal, (one) => lookAt(one, false));
  const found = await repeat<BoundSocket | Refused>(alarm, deadline, signal, look);
  if (found instanceof BoundSocket) return found;
  if (has(found, 'refusal')) throw await refusedErrorLater(found);
  throw waited(await refusedErrorLater(last), timeout);
}

/** Options of `waitForPort()`: the state and the longest wait. */
export interface WaitForPortOptions extends WaitOptions {
  /**
   * - `'free'`: this process could listen there with `sharing: 'exclusive'`.
   * - `'listening'`: somebody listens there (TCP) or receives (UDP).
   */
  until: 'free' | 'listening';
}

const KNOWN = { until: true, timeout: true, signal: true } satisfies Names<WaitForPortOptions>;

function checkOptions(options: WaitForPortOptions): Limit & Pick<Read<WaitForPortOptions>, 'until'> {
  const { until, timeout, signal } = readOptions<WaitForPortOptions>(options, KNOWN);
  if (until !== 'free' && until !== 'listening') {
    throw wrongValue('options.until', until, "must be one of: 'free', 'listening'");
  }
  return {
    until,
    timeout: checkTimeout('options.timeout', timeout),
    signal: checkSignal('options.signal', signal),
  };
}

interface Reached {
  readonly isReached: true;
}

const REACHED: Reached = { isReached: true };

/** @throws Error what only the system knows: the address cannot be bound, whether somebody has it or not. */
function lookForFree(request: BindRequest): Reached | Pending {
  if (isHeld(request)) return PENDING;
  const place = placeOf(request);
  const list = listSocketsOnce(request, EVERY_STATE);
  const { sockets } = list;
  const endsIn = endOf(sockets);
  const predicted = predict(sockets, request, place);
  if (predicted === false) return { endsIn };
  if (predicted && isWhole(list, request.protocol) && !mayBeRefused(place.address, request)) return REACHED;
  const refused = tryBind(request);
  if (refused === undefined) return REACHED;
  if (refused.refusal.code === 'EADDRINUSE') return { endsIn: sockets.length === 0 ? 0 : endsIn };
  throw refusedError(refused);
}

function lookForListener(request: BindRequest): Reached | Pending {
  const { address, addressFamily: family } = placeOf(request);
  const { error, sockets } = listSocketsOnce(request, RECEIVING[request.protocol]);
  if (error !== 0)
    throw systemError({ code: codeOf(error), syscall: 'socket', remark: 'sockets cannot be listed here' });
  const asked = { address, family, ipv6Only: false };
  const isThere = sockets.some((row) => !isConnection(row) && overlap(existingOf(row), asked));
  return isThere ? REACHED : PENDING;
}

function lookForAnyListener(requests: readonly BindRequest[]): Reached | Pending {
  return requests.some((request) => lookForListener(request) === REACHED) ? REACHED : PENDING;
}

/** What is asked about, address by address: a client tries every address of a name, a server binds one. */
async function addressesOf(asked: ReadInspectOptions, isFree: boolean): Promise<ReadInspectOptions[]> {
  const { host } = asked;
  if (!isName(host)) return [asked];
  if (isFree) return [{ ...asked, host: await resolveHost(host) }];
  const { lookup } = process.getBuiltinModule('node:dns/promises');
  const found = await lookup(host, bare({ all: true } as const));
  return found.map(({ address }) => ({ ...asked, host: address }));
}

/** The report on the first address that somebody listens on, else on the first. */
async function lookAtEach(asked: ReadInspectOptions, isFree: boolean): Promise<PortReport> {
  // Whatever is wrong with the options is wrong before a name is looked up.
  if (!isName(asked.host)) return inspectPort(asked);
  const reports: PortReport[] = [];
  for (const one of await addressesOf(asked, isFree)) {
    const report = await inspectPort(one);
    if (report.holders.some(isListener)) return report;
    reports.push(report);
  }
  return reports[0] as PortReport;
}

const isListener = (holder: Holder) =>
  holder.protocol === 'udp' ? own(holder, 'remoteAddress') === undefined : holder.state === 'LISTEN';

function overdue(report: PortReport, isFree: boolean, timeout: number): Error {
  const { host, port } = report;
  const missing = isFree ? `is not free: ${sentenceOf(report)}` : 'has no listener';
  const error = timedOut(`${endpoint(host, port)} ${missing}; waited ${timeout} ms`, { address: host, port });
  addReport(error, report);
  // Nobody has it, and perhaps nobody ever had.
  if (report.verdict === 'free') Reflect.deleteProperty(error, 'heldBy');
  return error;
}

/**
 * Waits until a port is free, or until somebody listens on it. It binds nothing in between, except for a moment if the
 * list of sockets cannot decide whether the port is free.
 *
 * - Linux: for `'free'`, the kernel wakes it when a socket on the port is gone (SKNLGRP_INET_TCP_DESTROY of
 *   sock_diag(7)), a timer when a TIME_WAIT ends. If the kernel refuses that, it looks every 25 ms at most. The kernel
 *   does not report a socket that starts to listen: for `'listening'` it looks every 25 ms at most.
 * - macOS, Windows: it looks every 25 ms at most.
 *
 * @param port the argument of `inspectPort()`
 * @returns the report of `inspectPort()` at that moment
 * @throws what `inspectPort()` throws; TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError
 * `ERR_OUT_OF_RANGE`
 * @throws Error `ETIMEDOUT`, with `heldBy` and `report`; `AbortError`; for `'free'`, at once, a refusal without a
 * holder: `EACCES`, `EADDRNOTAVAIL`
 */
export async function waitForPort(
  port: number | string | InspectOptions,
  options: WaitForPortOptions,
): Promise<PortReport> {
  const limit = checkOptions(options);
  if (limit.signal?.aborted) throw aborted(limit.signal.reason);
  return endsAt(waitForPort, waitUntil(readInspectOptions(port), limit));
}

async function waitUntil(
  asked: ReadInspectOptions,
  { until, timeout, signal }: Limit & Pick<Read<WaitForPortOptions>, 'until'>,
): Promise<PortReport> {
  const isFree = until === 'free';
  const deadline = performance.now() + timeout;
  for (;;) {
    const report = await lookAtEach(asked, isFree);
    if (isFree ? report.bindable.exclusive : report.holders.some(isListener)) return report;
    if (performance.now() >= deadline) throw overdue(report, isFree, timeout);
    const requests = (await addressesOf(asked, isFree)).map((one) => checkBindOptions(one));
    const [request] = requests as [BindRequest];
    const alarm = isFree ? await alarmOn(request, signal) : new Alarm(undefined, signal);
    const look = isFree ? () => lookForFree(request) : () => lookForAnyListener(requests);
    await repeat<Reached>(alarm, deadline, signal, look);
  }
}
