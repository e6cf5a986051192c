// Waiting for a port: waitForPort(), and the wait of listen() and bindUdp().
import { endpoint, overlap } from './address.ts';
import { Alarm } from './alarm.ts';
import { placeOf } from './bind/places.ts';
import {
  type BindRequest,
  checkBindOptions,
  checkSignal,
  checkTimeout,
  type Limit,
  type ReadBindOptions,
  type WaitOptions,
} from './bind/request.ts';
import { tryBind } from './bind/socket.ts';
import { BoundSocket } from './bound-socket.ts';
import { aborted, codeOf, type SystemError, systemError, wrongValue } from './errors.ts';
import { inspectPort, readInspectOptions } from './inspect/index.ts';
import { mayBeRefused } from './inspect/limits.ts';
import { predict } from './inspect/predict.ts';
import { addReport, refusedError } from './inspect/refusal.ts';
import type { Holder, InspectOptions, PortReport } from './inspect/report.ts';
import { sentenceOf } from './inspect/sentence.ts';
import { type Names, type Read, readOptions } from './options-once.ts';
import { bare, give, has, own } from './own.ts';
import { EVERY_STATE, existingOf, isConnection, isWhole, listSockets, RECEIVING } from './socket-list.ts';

// However often a waiter is woken, and whatever a look costs: nine tenths of its time are rest.
const REST = 9;

/** Not yet: the milliseconds until a leftover ends by itself, 0 if that is overdue, Infinity if nothing ends so. */
interface Pending {
  readonly endsIn: number;
}

const PENDING: Pending = { endsIn: Number.POSITIVE_INFINITY };

const isPending = (found: object): found is Pending => has(found, 'endsIn');

/** Looks until that finds something, and once more when the time is up. */
async function repeat<T extends object>(
  alarm: Alarm,
  deadline: number,
  signal: AbortSignal | undefined,
  look: (isLast: boolean) => T | Pending,
): Promise<T | Pending> {
  try {
    for (;;) {
      if (signal?.aborted) throw aborted(signal.reason);
      const began = performance.now();
      const isLast = began >= deadline;
      const found = look(isLast);
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
  const { sockets } = listSockets(request, RECEIVING[request.protocol]);
  return predict(sockets, request, placeOf(request)) === false;
}

function attempt(options: ReadBindOptions): BoundSocket | SystemError {
  try {
    return new BoundSocket(options);
  } catch (error) {
    if (own(error as SystemError, 'code') === 'EADDRINUSE') return error as SystemError;
    throw error;
  }
}

/** Ends the message of a refusal with how long that was. */
function waited(error: SystemError, timeout: number): SystemError {
  const { message, stack } = error;
  error.message = `${message}; waited ${timeout} ms`;
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}

// What refused the address may have ended before it was listed.
function endOf(report: PortReport | undefined): number {
  return (
    (report && own(report, 'freeInMs')) ?? (report === undefined || report.holders.length === 0 ? 0 : PENDING.endsIn)
  );
}

function watchedBy(request: BindRequest, report: PortReport | undefined) {
  const holder = report?.holders.map(bare).find(({ pid, self }) => pid !== undefined && !self);
  return { protocol: request.protocol, port: request.port, pid: holder?.pid };
}

/**
 * Binds, and waits while somebody else holds the address.
 * @throws what `new BoundSocket()` throws; `EADDRINUSE` of the last attempt when the time is up; `AbortError`
 */
export async function bindWithin(options: ReadBindOptions, { timeout, signal }: Limit): Promise<BoundSocket> {
  if (signal?.aborted) throw aborted(signal.reason);
  const deadline = performance.now() + timeout;
  const first = attempt(options);
  if (first instanceof BoundSocket) return first;
  const request = checkBindOptions(options);
  // Without a port there is none to wait for: every one is in use.
  if (timeout === 0 || request.port === 0) throw first;
  let last = first;
  const alarm = new Alarm(watchedBy(request, own(first, 'report')), signal);
  const found = await repeat(alarm, deadline, signal, (isLast) => {
    if (!isLast && isHeld(request)) return PENDING;
    const bound = attempt(options);
    if (bound instanceof BoundSocket) return bound;
    last = bound;
    return { endsIn: endOf(own(bound, 'report')) };
  });
  if (found instanceof BoundSocket) return found;
  throw waited(last, timeout);
}

/** What `waitForPort()` waits for, and how long. */
export interface WaitForPortOptions extends WaitOptions {
  /**
   * - `'free'`: this process could listen there with `sharing: 'exclusive'`.
   * - `'listening'`: somebody listens there (TCP) or receives (UDP).
   */
  until: 'free' | 'listening';
}

const NAMES = { until: true, timeout: true, signal: true } satisfies Names<WaitForPortOptions>;

function checkOptions(options: WaitForPortOptions): Limit & Pick<Read<WaitForPortOptions>, 'until'> {
  const { until, timeout, signal } = readOptions<WaitForPortOptions>(options, NAMES);
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
  const list = listSockets(request, EVERY_STATE);
  const { sockets } = list;
  const endsIn = sockets.reduce((soonest, { timeLeft = soonest }) => Math.min(soonest, timeLeft), PENDING.endsIn);
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
  const { error, sockets } = listSockets(request, RECEIVING[request.protocol]);
  if (error !== 0)
    throw systemError({ code: codeOf(error), syscall: 'socket', remark: 'sockets cannot be listed here' });
  const asked = { address, family, ipv6Only: false };
  const isThere = sockets.some((row) => !isConnection(row) && overlap(existingOf(row), asked));
  return isThere ? REACHED : PENDING;
}

const isListener = (holder: Holder) =>
  holder.protocol === 'udp' ? own(holder, 'remoteAddress') === undefined : holder.state === 'LISTEN';

function timedOut(report: PortReport, isFree: boolean, timeout: number): Error {
  const { host, port } = report;
  const missing = isFree ? `is not free: ${sentenceOf(report)}` : 'has no listener';
  const error = new Error(`${endpoint(host, port)} ${missing}; waited ${timeout} ms`);
  give(error, { code: 'ETIMEDOUT', address: host, port });
  addReport(error, report);
  return error;
}

/**
 * Waits until a port is free, or until somebody listens on it. Nothing is bound meanwhile, but for a moment where the list
 * of sockets cannot decide whether a port is free.
 *
 * - Linux: `'free'` is woken by the kernel when a socket on the port goes (SKNLGRP_INET_TCP_DESTROY of sock_diag(7)), and
 *   by a timer when a TIME_WAIT ends; where that is refused, it looks every 25 ms at most. The kernel does not tell who
 *   starts to listen: `'listening'` looks every 25 ms at most.
 * - macOS, Windows: it looks every 25 ms at most.
 *
 * @param port as `inspectPort()` takes it
 * @returns what `inspectPort()` says then
 * @throws what `inspectPort()` throws; TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError
 * `ERR_OUT_OF_RANGE`
 * @throws Error `ETIMEDOUT`, with `heldBy` and `report`; `AbortError`; for `'free'` at once what binding there would be
 * refused with whoever has the port: `EACCES`, `EADDRNOTAVAIL`
 */
export async function waitForPort(
  port: number | string | InspectOptions,
  options: WaitForPortOptions,
): Promise<PortReport> {
  const { until, timeout, signal } = checkOptions(options);
  if (signal?.aborted) throw aborted(signal.reason);
  const isFree = until === 'free';
  const asked = readInspectOptions(port);
  const deadline = performance.now() + timeout;
  for (;;) {
    const report = await inspectPort(asked);
    if (isFree ? report.bindable.exclusive : report.holders.some(isListener)) return report;
    if (performance.now() >= deadline) throw timedOut(report, isFree, timeout);
    const host = asked.host === undefined ? undefined : report.host;
    const request = checkBindOptions({ port: report.port, host, protocol: report.protocol });
    const alarm = new Alarm(isFree ? watchedBy(request, report) : undefined, signal);
    await repeat<Reached>(alarm, deadline, signal, () => (isFree ? lookForFree(request) : lookForListener(request)));
  }
}
