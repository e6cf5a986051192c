// A report in one sentence: who holds the address, for `heldBy`.
import { endpoint, isAny } from '../address.ts';
import { bareInside } from '../own.ts';
import { quotedName } from '../printable.ts';
import type { PathHolder } from '../unix/report.ts';
import type { Holder, HolderProcess, PortReport } from './report.ts';

// More than that nobody reads; the report has them all.
const NAMED = 3;

const place = (address: string, port: number) => (isAny(address) ? `*:${port}` : endpoint(address, port));

// A container's name is an engine and an id, a unit's name or a path.
const containerName = (container: string) => container.split(' ').map(quotedName).join(' ');

const userName = ({ user, uid }: Pick<Holder, 'user' | 'uid'>) =>
  user === undefined ? (uid === undefined ? undefined : `uid ${uid}`) : `user ${quotedName(user)}`;

/** ` and 4 of its children`, or nothing where the process has the socket alone. */
function withOthers([first, ...others]: readonly HolderProcess[]): string {
  if (first === undefined || others.length === 0) return '';
  const children = others.filter(({ parent }) => parent?.pid === first.pid).length;
  const isAll = children === others.length;
  const many = others.length === 1 ? '' : 's';
  const isOurs = others.some(({ self }) => self) ? ', this process among them' : '';
  if (!isAll) return ` and ${others.length} other process${many && 'es'}${isOurs}`;
  return ` and ${children === 1 ? 'its child' : `${children} of its children`}${isOurs}`;
}

/**
 * `node (pid 4711, user ada)`, or what else is known of whoever has the socket.
 * @param more what else there is to say of the process, made fit for a terminal
 */
export function whoHolds(given: Holder | PathHolder, more?: string): string {
  const holder = bareInside(given);
  const { pid, name = 'a process', uid, container, sameProgram, hidden, processes = [] } = holder;
  const others = withOthers(processes);
  if (holder.self && (processes[0]?.self ?? true)) return `this process (pid ${pid})${others}`;
  if (pid === undefined) {
    if (hidden === undefined) return 'no process';
    const user = holder.user === undefined ? [] : [quotedName(holder.user)];
    const known = [...user, ...(container === undefined ? [] : [containerName(container)])].join(', ');
    return `uid ${uid ?? 'unknown'}; ${hidden}${known === '' ? '' : ` (${known})`}`;
  }
  // Of the process, which may have become another user since it made the socket.
  const user = userName(processes[0]?.uid === undefined ? holder : processes[0]);
  const about = [`pid ${pid}`];
  if (user !== undefined) about.push(user);
  if (container !== undefined) about.push(containerName(container));
  if (sameProgram && !holder.self) about.push('another instance of this program');
  if (more !== undefined) about.push(more);
  return `${quotedName(name)} (${about.join(', ')})${others}`;
}

function holding(holder: Holder): string {
  const { address, port, state } = holder;
  const doing = state === 'LISTEN' ? 'listening on' : 'bound to';
  const not = state === 'BOUND' ? ', not listening' : '';
  return `${whoHolds(holder)} ${doing} ${place(address, port)}${not}`;
}

// One process can hold several sockets of one address.
export function listed(phrases: readonly string[], omitted = 0): string {
  const different = [...new Set(phrases)];
  const rest = Math.max(different.length - NAMED, 0) + omitted;
  return `${different.slice(0, NAMED).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

const isOwned = ({ pid, hidden }: Holder) => pid !== undefined || hidden !== undefined;

function leftovers({ holders, port, freeInMs, omitted = 0 }: PortReport): string {
  const [first] = holders;
  // Of thousands, some may not have been looked up in time.
  const owner = holders.find(({ pid }) => pid !== undefined) ?? holders.find(isOwned);
  const total = holders.length + omitted;
  const count = `${total} connection${total === 1 ? '' : 's'}`;
  const states = [...new Set(holders.map(({ state }) => state))].join(', ');
  const whose = owner === undefined ? 'no process' : whoHolds(owner);
  const until = freeInMs === undefined ? '' : `, free in ${(freeInMs / 1000).toFixed(1)} s`;
  return `${whose}: ${count} of an earlier listener on ${place(first?.address ?? '', port)} (${states})${until}`;
}

function outgoing(holder: Holder): string {
  const { address, port, remoteAddress = '', remotePort = 0 } = holder;
  return `${whoHolds(holder)}: an outgoing connection from ${place(address, port)} to ${place(remoteAddress, remotePort)}`;
}

/** Who holds the address, or why nobody can have it. */
export function sentenceOf(given: PortReport): string {
  const report = bareInside(given);
  const { verdict, holders, reason, omitted } = report;
  if (verdict === 'listening' || verdict === 'bound') return listed(holders.map(holding), omitted);
  if (verdict === 'leftovers') return leftovers(report);
  if (verdict === 'outgoing') return listed(holders.filter(isOwned).map(outgoing));
  return reason ?? 'nobody any more: the address is free now';
}
