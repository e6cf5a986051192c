// Who started a process, and who started that one, up to the first.
import { addon, type ProcessRow } from '../addon.ts';
import { processOf } from './holders.ts';
import type { HolderProcess } from './report.ts';

// A chain that is longer is one that the system got wrong.
const LONGEST = 64;

// A process that was adopted by another has no parent that is older; a number that is used again names a younger one.
function isOlder(parent: ProcessRow, child: ProcessRow): boolean {
  return (parent.startedAt ?? 0) <= (child.startedAt ?? Number.POSITIVE_INFINITY);
}

/** A process and its ancestors as far as they can be seen, the process first; empty if it has ended. */
export function ancestryOf(pid: number): HolderProcess[] {
  const rows: ProcessRow[] = [];
  let next: number | undefined = pid;
  while (next !== undefined && rows.length < LONGEST && rows.every((one) => one.pid !== next)) {
    const row = addon.process(next);
    const child = rows.at(-1);
    if (row === undefined || (child !== undefined && !isOlder(row, child))) break;
    rows.push(row);
    next = Object.hasOwn(row, 'parent') ? row.parent : undefined;
  }
  const known = new Map(rows.map((row) => [row.pid, row]));
  return rows.map((row) => processOf(row, known));
}
