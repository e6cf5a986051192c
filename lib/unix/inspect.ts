// inspectPort({ path }): who has a Unix socket, without a connection made.
import type { SocketList } from '../addon.ts';
import { addon } from '../addon.ts';
import { codeOf } from '../errors.ts';
import { holderOf } from '../inspect/holders.ts';
import { listed, whoHolds } from '../inspect/sentence.ts';
import { bareInside } from '../own.ts';
import { system } from '../platform.ts';
import { quotedName } from '../printable.ts';
import { listPath, listPathLater, NAMES, type Names, STATE } from '../socket-list.ts';
import { absolute, fileAt, folderOf, isSocket, kindOf } from './file.ts';
import { inspectPipe } from './pipes.ts';
import type { PathHolder, PathReport } from './report.ts';
import { checkPath, isAbstract, shownPath } from './request.ts';
import type { PathRefused } from './socket.ts';

/** A verdict, and why it is that one. */
type Found = Pick<PathReport, 'verdict' | 'reason' | 'remedy'> & { readonly exclusive: boolean | null };

const named = (path: string) => quotedName(shownPath(path));

const OTHER_PATH = 'choose another path, or remove what is there';

/** Why a file cannot be made there; undefined if it can. */
function refusalOfFolder(path: string): Found | undefined {
  const folder = folderOf(path);
  const error = addon.mayChangeFolder(folder);
  if (error === 0) return undefined;
  const code = codeOf(error);
  const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
  return {
    verdict: 'denied',
    exclusive: false,
    reason: isMissing
      ? `no folder ${quotedName(folder)}`
      : `this user may not make files in ${quotedName(folder)}: ${code}`,
    ...(isMissing && { remedy: 'make that folder first' }),
  };
}

/** What nobody's socket explains. */
function withoutHolders(path: string, listError: number): Found {
  if (isAbstract(path)) {
    if (listError === 0) return { verdict: 'free', exclusive: true };
    return { verdict: 'unknown', exclusive: null, reason: `Unix sockets cannot be listed here: ${codeOf(listError)}` };
  }
  const file = fileAt(absolute(path));
  if (file === 'ENOENT') return refusalOfFolder(absolute(path)) ?? { verdict: 'free', exclusive: true };
  if (typeof file === 'string') {
    return { verdict: 'denied', exclusive: false, reason: `${named(path)} cannot be looked at: ${file}` };
  }
  if (!isSocket(file)) {
    const reason = `${named(path)} is ${kindOf(file)}, which is never replaced`;
    return { verdict: 'denied', exclusive: false, reason, remedy: OTHER_PATH };
  }
  const reason = `nobody is seen to have the socket at ${named(path)}: listen() asks by a connection, and replaces it if that is refused`;
  return { verdict: 'unknown', exclusive: null, reason };
}

/** What binding has met there. */
function refused({ path, refusal, seen }: PathRefused): Found {
  const file = isAbstract(path) ? undefined : fileAt(absolute(path));
  const isOther = typeof file === 'object' && !isSocket(file);
  const base = {
    exclusive: false,
    ...(refusal.remark !== undefined && { reason: refusal.remark }),
    ...(isOther && { remedy: OTHER_PATH }),
  };
  if (seen === 'answers') {
    const reason = `somebody listens on ${named(path)} who is not seen here, as in another network namespace (a container)`;
    return { ...base, verdict: 'listening', reason };
  }
  if (seen === 'undecided') {
    const reason = `whether somebody listens on ${named(path)} cannot be told: it lets this user not connect, or takes no connections`;
    return { ...base, verdict: 'unknown', reason };
  }
  return { ...base, verdict: refusal.code === 'EADDRINUSE' && refusal.remark === undefined ? 'unknown' : 'denied' };
}

function reportOf(path: string, list: SocketList, refusal?: PathRefused): PathReport {
  const holders = list.sockets.map((row): PathHolder => {
    const { address, port, protocol, remoteAddress, remotePort, timeLeftMs, state, ...who } = holderOf(
      row,
      list,
      0,
      'tcp',
    );
    return { ...who, path, state: row.state === STATE.LISTEN ? 'LISTEN' : 'BOUND' };
  });
  const verdict = holders.some(({ state }) => state === 'LISTEN') ? 'listening' : 'bound';
  const isHeld = holders.length > 0;
  const found: Found = isHeld
    ? { verdict, exclusive: false }
    : refusal === undefined
      ? withoutHolders(path, list.error)
      : refused(refusal);
  const { exclusive, reason, remedy } = found;
  const omitted = list.sockets.reduce((sum, { count }) => sum + count, 0) - holders.length;
  return {
    path,
    verdict: found.verdict,
    bindable: { exclusive },
    holders,
    ...(omitted > 0 && { omitted }),
    ...(reason !== undefined && { reason }),
    ...(remedy !== undefined && { remedy }),
  };
}

const whole = (path: string) => (isAbstract(path) ? path : absolute(path));

/** @throws what `checkPath()` throws */
export function inspectPathSync(asked: unknown, names: Names = NAMES.every): PathReport {
  const path = checkPath(asked);
  return system === 'windows' ? inspectPipe(path) : reportOf(path, listPath(whole(path), names));
}

/** The same off the main thread. */
export async function inspectPath(asked: unknown): Promise<PathReport> {
  const path = checkPath(asked);
  return system === 'windows' ? inspectPipe(path) : reportOf(path, await listPathLater(whole(path), NAMES.every));
}

/** Explains a refusal: on a thread that is limited to 100 ms of the processor, for which this one waits. */
export function explainPath(refusal: PathRefused): PathReport {
  return reportOf(refusal.path, listPath(whole(refusal.path), NAMES.inTime), refusal);
}

/** The same while this thread goes on. */
export async function explainPathLater(refusal: PathRefused): Promise<PathReport> {
  return reportOf(refusal.path, await listPathLater(whole(refusal.path), NAMES.inTime), refusal);
}

function holding(holder: PathHolder): string {
  const { path, state } = holder;
  const doing = state === 'LISTEN' ? 'listening on' : 'bound to';
  return `${whoHolds(holder)} ${doing} ${named(path)}${state === 'BOUND' ? ', not listening' : ''}`;
}

/** Who has the path, or why nobody can have it. */
export function pathSentence(given: PathReport): string {
  const { holders, reason, omitted } = bareInside(given);
  if (holders.length > 0) return listed(holders.map(holding), omitted);
  return reason ?? 'nobody any more: the path has become free';
}
