// What the exit codes of the command say.
import type { PortReport, Verdict } from '../lib/door.ts';

export const EXIT = { yes: 0, no: 1, usage: 2, unknown: 3 } as const;

const OF_VERDICT = {
  free: EXIT.yes,
  listening: EXIT.no,
  bound: EXIT.no,
  leftovers: EXIT.no,
  outgoing: EXIT.no,
  excluded: EXIT.no,
  privileged: EXIT.no,
  denied: EXIT.no,
  unknown: EXIT.unknown,
} satisfies Record<Verdict, number>;

/** Of several answers: what is unknown weighs more than what is taken, and that more than what is free. */
export const highest = (codes: readonly number[]): number => Math.max(EXIT.yes, ...codes);

/** Whether nothing but connections is there, and exactbind binds over them. */
export function isOverLeftovers({ verdict, bindable }: Pick<PortReport, 'verdict' | 'bindable'>): boolean {
  return (verdict === 'leftovers' || verdict === 'outgoing') && bindable.exclusive === true;
}

/** Whether a port can be bound. */
export function exitCodeOf(report: Pick<PortReport, 'verdict' | 'bindable'>): number {
  return isOverLeftovers(report) ? EXIT.yes : exitCodeOfVerdict(report.verdict);
}

/** The same where no leftovers can be bound over: of a path. */
export function exitCodeOfVerdict(verdict: Verdict): number {
  return OF_VERDICT[verdict];
}
