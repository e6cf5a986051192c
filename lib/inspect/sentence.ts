// A report in one sentence: who holds the address, for `heldBy`.
import { endpoint, isAny } from '../address.ts';
import { bare } from '../own.ts';
import type { Holder, PortReport } from './report.ts';

// More than that nobody reads; the report has them all.
const NAMED = 3;

const place = (address: string, port: number) => (isAny(address) ? `*:${port}` : endpoint(address, port));

/** Whoever starts a process chooses its name: control characters, and what turns lines around, are shown as ?. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

/** `node (pid 4711, user ada)`, or what else is known of whoever has the socket. */
export function whoHolds(holder: Holder): string {
  const { pid, name = 'a process', user, uid, container, self, sameProgram, hidden } = bare(holder);
  if (self) return `this process (pid ${pid})`;
  if (pid === undefined) {
    const known = [user, container].filter((word) => word !== undefined).join(', ');
    return printable(`uid ${uid ?? 'unknown'}; ${hidden}${known === '' ? '' : ` (${known})`}`);
  }
  const about = [`pid ${pid}`];
  if (user !== undefined || uid !== undefined) about.push(user === undefined ? `uid ${uid}` : `user ${user}`);
  if (container !== undefined) about.push(container);
  if (sameProgram) about.push('another instance of this program');
  return printable(`${name} (${about.join(', ')})`);
}

function holding(holder: Holder): string {
  const { address, port, state } = holder;
  const doing = state === 'LISTEN' ? 'listening on' : 'bound to';
  const not = state === 'BOUND' ? ', not listening' : '';
  return `${whoHolds(holder)} ${doing} ${place(address, port)}${not}`;
}

// One process can hold several sockets of one address.
function listed(phrases: readonly string[]): string {
  const different = [...new Set(phrases)];
  const rest = different.length - NAMED;
  return `${different.slice(0, NAMED).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

const isOwned = ({ pid, hidden }: Holder) => pid !== undefined || hidden !== undefined;

function leftovers({ holders, port, freeInMs }: PortReport): string {
  const [first] = holders;
  const owner = holders.find(isOwned);
  const count = `${holders.length} connection${holders.length === 1 ? '' : 's'}`;
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
  const report = bare({ ...given, holders: given.holders.map(bare) });
  const { verdict, holders, reason } = report;
  if (verdict === 'listening' || verdict === 'bound') return listed(holders.map(holding));
  if (verdict === 'leftovers') return leftovers(report);
  if (verdict === 'outgoing') return listed(holders.filter(isOwned).map(outgoing));
  return reason ?? 'nobody any more: the address has become free';
}
