// What the exit codes of the command say.
import type { Verdict } from '../lib/door.ts';

export const EXIT = { yes: 0, no: 1, usage: 2, unknown: 3 } as const;

const OF_VERDICT = {
  free: EXIT.yes,
  listening: EXIT.no,
  bound: EXIT.no,
  leftovers: EXIT.no,
  outgoing: EXIT.no,
  excluded: EXIT.no,
  privileged: EXIT.no,
  unknown: EXIT.unknown,
} satisfies Record<Verdict, number>;

/** Whether a port can be bound. */
export function exitCodeOf({ verdict }: { readonly verdict: Verdict }): number {
  return OF_VERDICT[verdict];
}
