// The end of processes that hold a port: kept hold of, looked at again, and only then signalled; all of them or none.
import { constants } from 'node:os';
import type { PortReport } from '../lib/door.ts';
import type { Asked } from './ports.ts';
import { ask } from './ports.ts';
import { holdersOf, type Target } from './targets.ts';
import { ownersIn } from './who.ts';

type Door = typeof import('../lib/door.ts');

const { SIGTERM, SIGKILL } = constants.signals;
const PROBE = 0;

// Of OpenProcess() and TerminateProcess().
const WINDOWS: Readonly<Record<number, string>> = { 5: 'EPERM', 87: 'ESRCH' };

/** What happened, for the message and the exit code. */
export type Ending = 'freed' | 'held' | 'changed' | { readonly refused: string; readonly pid: number };

/** A process that cannot be confused with another. */
class Kept {
  readonly pid: number;
  readonly #startedAt: number | undefined;
  /** A pidfd, a HANDLE; undefined where the system has none: then number and start time must do. */
  readonly #handle: number | undefined;
  readonly #door: Door;

  constructor({ process: { pid, startedAt } }: Target, door: Door) {
    this.pid = pid;
    this.#startedAt = startedAt;
    this.#door = door;
    const handle = door.addon.openProcess(pid);
    this.#handle = handle >= 0 ? handle : undefined;
  }

  /** The error: ESRCH once it has ended. */
  signal(number: number): string | undefined {
    if (this.#handle === undefined) return this.#signalNumber(number);
    const error = this.#door.addon.signalProcess(this.#handle, number);
    if (error === 0) return undefined;
    return process.platform === 'win32' ? (WINDOWS[error] ?? 'UNKNOWN') : this.#door.codeOf(error);
  }

  /** Between the look and the signal the number can become another's: the time of one system call (docs/cli.md). */
  #signalNumber(number: number): string | undefined {
    const now = this.#door.addon.process(this.pid);
    if (now === undefined || now.startedAt !== this.#startedAt) return 'ESRCH';
    try {
      process.kill(this.pid, number);
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
    }
  }

  close(): void {
    if (this.#handle !== undefined) this.#door.addon.closeProcess(this.#handle);
  }
}

interface Plan {
  readonly asked: Asked;
  readonly targets: readonly Target[];
  readonly timeout: number;
  readonly force: boolean;
}

const keyOf = ({ process: { pid, startedAt } }: Pick<Target, 'process'>) => `${pid} ${startedAt}`;

/** The targets that still hold the port; undefined if anybody else holds it too. */
function still(targets: readonly Target[], report: PortReport): Set<number> | undefined {
  const known = new Set(targets.map(keyOf));
  const owners = ownersIn({ holders: holdersOf(report) });
  const unseen = holdersOf(report).some(({ pid }) => pid === undefined);
  return unseen || owners.some((owner) => !known.has(keyOf(owner)))
    ? undefined
    : new Set(owners.map(({ process: { pid } }) => pid));
}

/** Whether the port can be had again within a time. */
async function isFreed(asked: Asked, timeout: number, door: Door): Promise<boolean> {
  try {
    await door.waitForPort(asked, { until: 'free', timeout });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ETIMEDOUT') return false;
    // It cannot be bound by this user, whoever has it: what counts is that nobody has.
    return holdersOf(await ask(asked)).length === 0;
  }
}

/** Signals all or, if one cannot be, none. */
function signalAll(kept: readonly Kept[], number: number): Ending | undefined {
  for (const signal of [PROBE, number]) {
    for (const one of kept) {
      const refused = one.signal(signal);
      if (refused !== undefined && refused !== 'ESRCH') return { refused, pid: one.pid };
    }
  }
  return undefined;
}

async function endAll({ asked, targets, timeout, force }: Plan, kept: readonly Kept[], door: Door): Promise<Ending> {
  // Only now: we signal a process that holds the port while we hold its pidfd.
  const holding = still(targets, await ask(asked));
  if (holding === undefined) return 'changed';
  const signals = process.platform === 'win32' ? [SIGKILL] : force ? [SIGTERM, SIGKILL] : [SIGTERM];
  let left = kept.filter(({ pid }) => holding.has(pid));
  for (const number of signals) {
    const refused = signalAll(left, number);
    if (refused !== undefined) return refused;
    if (await isFreed(asked, timeout, door)) return 'freed';
    const stays = still(targets, await ask(asked));
    if (stays === undefined) return 'changed';
    left = left.filter(({ pid }) => stays.has(pid));
  }
  return 'held';
}

/** Ends the targets, if they and nobody else still hold the port, and waits until it is free. */
export async function end(plan: Plan, door: Door): Promise<Ending> {
  const kept = plan.targets.map((target) => new Kept(target, door));
  try {
    return await endAll(plan, kept, door);
  } finally {
    for (const one of kept) one.close();
  }
}
