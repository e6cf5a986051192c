// The group of refusals that say who, as Markdown: in how many the process is named, and what that took.
import { spread } from '../harness/compare.mjs';
import { duration, durations } from '../report/duration.mjs';
import { table } from '../report/table.mjs';

/** @typedef {{ named: number, took: number[], busy: number[] }} Refusals */

/** @type {{ lines(group: { unit: string, scenes: Record<string, Record<string, Refusals>> }): string[] }} */
export const explained = {
  lines({ scenes }) {
    const rows = Object.entries(scenes).flatMap(([scene, ways]) =>
      Object.entries(ways).map(([way, { named, took, busy }]) => [
        scene,
        way,
        `${named} of ${took.length}`,
        durations(took),
        duration(spread(busy).median),
        duration(Math.max(...busy)),
      ]),
    );
    const head = ['', '', 'the pid is named', 'until the error', 'the main thread is busy', 'at most'];
    return table(head, rows);
  },
};
