// The named pipes of Windows: what listen() takes, and whether somebody serves one, by the list of them.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireNetPermission } from '../adopt/permission.ts';
import { checkAnyOptions } from '../bind/any-request.ts';
import type { Limit, ReadBindOptions } from '../bind/request.ts';
import { notSupported } from '../errors.ts';
import { quotedName } from '../printable.ts';
import type { PathReport } from './report.ts';
import type { PathRequest } from './request.ts';

const FOLDER = '\\\\.\\pipe\\';

/** Names of pipes are the same in capitals. */
const folded = (path: string) =>
  path
    .replaceAll('/', '\\')
    .replace(/^\\\\\?/, '\\\\.')
    .toLowerCase();

function report(path: string, verdict: PathReport['verdict'], exclusive: boolean | null, reason?: string): PathReport {
  return { path, verdict, bindable: { exclusive }, holders: [], ...(reason !== undefined && { reason }) };
}

export function inspectPipe(path: string): PathReport {
  const wanted = folded(path);
  if (!wanted.startsWith(FOLDER)) {
    return report(path, 'denied', false, `${quotedName(path)} is no named pipe: its name begins with ${FOLDER}`);
  }
  try {
    const isThere = readdirSync(FOLDER).some((name) => `${FOLDER}${name}`.toLowerCase() === wanted);
    if (!isThere) return report(path, 'free', true);
    return report(path, 'listening', false, 'Windows tells who serves a named pipe to nobody but its clients');
  } catch (error) {
    const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
    return report(path, 'unknown', null, `named pipes cannot be listed here: ${code}`);
  }
}

/**
 * What Node is asked for; libuv makes the pipe.
 * @throws what `checkPathOptions()` throws; Error `ENOTSUP` with socket options
 */
export function checkPipe(options: ReadBindOptions): PathRequest {
  const request = checkAnyOptions(options) as PathRequest;
  if (request.socketOptions !== undefined) throw notSupported('socketOptions', 'a named pipe is no socket', 'listen');
  requireNetPermission(request.path);
  return request;
}

const PAUSE_MS = 25;

/** Sleeps while somebody serves a pipe, until the time is up; listening then says what there is to say. */
export async function waitForPipe(
  path: string,
  { timeout, signal: other }: Limit,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeout;
  const isOver = () => performance.now() >= deadline || signal?.aborted || other?.aborted;
  while (!isOver() && inspectPipe(path).verdict === 'listening') await sleep(PAUSE_MS);
}
