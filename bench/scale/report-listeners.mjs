// The group of many listeners as Markdown and as plots: opening and closing all of them, one more, and their memory.
import { spread } from '../harness/compare.mjs';
import { durations } from '../report/duration.mjs';
import { pointOf } from '../report/point.mjs';
import { leftOutLines, table } from '../report/table.mjs';
import { ratio } from './report.mjs';

/**
 * @import { Comparison, LeftOut, Plot, Samples } from '../group.ts'
 */

/**
 * @template [T=number[]]
 * @typedef {Record<keyof typeof FIGURES | 'memory', T>} Listening what listeners of one way took
 */

/**
 * @typedef {Record<string, Record<string, number[]>>} Memory by scene and way
 * @typedef {{ samples: Samples, comparisons: Comparison[], memory: Memory, leftOut: LeftOut }} Listeners
 */

const BASELINE = 'server.listen';

const FIGURES = {
  opening: 'all opened',
  closing: 'all closed',
  more: 'one more, and closed',
  inspecting: 'inspectPortSync',
};

const KNOWN = /** @type {(keyof typeof FIGURES)[]} */ (Object.keys(FIGURES));

/** @type {(figure: keyof typeof FIGURES, way: string, scene: string) => string} */
const sampleName = (figure, way, scene) => `${FIGURES[figure]}, ${way}, ${scene}`;

/**
 * An inspection does nothing that Node has a call for: its time stands alone.
 * @param {Record<string, Record<string, Listening>>} scenes
 */
export function listenerTimings(scenes) {
  /** @type {Samples} */
  const samples = {};
  /** @type {Comparison[]} */
  const comparisons = [];
  for (const [scene, ways] of Object.entries(scenes)) {
    for (const [way, figures] of Object.entries(ways)) {
      for (const figure of KNOWN) samples[sampleName(figure, way, scene)] = figures[figure];
      if (way === BASELINE) continue;
      for (const figure of KNOWN.filter((one) => one !== 'inspecting')) {
        const names = { name: sampleName(figure, way, scene), baseline: sampleName(figure, BASELINE, scene) };
        // The first sockets of a process wait for memory of the kernel: the same of every way, however quick it is.
        comparisons.push(figure === 'opening' ? { ...names, machineBound: true } : names);
      }
    }
  }
  const memory = Object.entries(scenes).map(([scene, ways]) => [
    scene,
    Object.fromEntries(Object.entries(ways).map(([way, one]) => [way, one.memory])),
  ]);
  return { samples, comparisons, memory: Object.fromEntries(memory) };
}

/** @param {number[]} list */
function kilobytes(list) {
  const { median, p10, p90 } = spread(list);
  const [middle, ...ends] = [median, p10, p90].map((value) => (value / 1e3).toFixed(1));
  return `${middle} kB (${ends.join(' – ')})`;
}

/** @param {Listeners} group */
export function lines({ samples, comparisons, memory, leftOut }) {
  const rows = Object.entries(memory).flatMap(([scene, ways]) =>
    Object.entries(ways).map(([way, list]) => [
      scene,
      way,
      ...KNOWN.map((figure) => durations(samples[sampleName(figure, way, scene)])),
      kilobytes(list),
    ]),
  );
  return [
    ...table(['', '', ...Object.values(FIGURES), 'memory of one'], rows),
    '',
    ...table(
      ['', 'against', 'ratio (95 % confidence)'],
      comparisons.map(({ name, baseline }) => [name, baseline, ratio(samples, name, baseline)]),
    ),
    ...leftOutLines(leftOut),
  ];
}

/**
 * @param {Memory} memory
 * @param {(way: string, scene: string) => number[]} listOf
 * @returns {Pick<Plot, 'kind' | 'x' | 'series'>}
 */
function bars(memory, listOf) {
  const categories = Object.keys(memory);
  const ways = Object.keys(Object.values(memory)[0] ?? {});
  const series = ways.map((way) => ({
    name: way,
    points: categories.map((scene, at) => pointOf(at, listOf(way, scene))),
  }));
  return { kind: 'bar', x: { name: '', categories }, series };
}

/**
 * @param {Listeners} group
 * @returns {Plot[]}
 */
export function plots({ samples, memory }) {
  /** @type {(way: string, scene: string) => number[]} */
  const opening = (way, scene) => samples[sampleName('opening', way, scene)].map((took) => took / 1e6);
  return [
    {
      ...bars(memory, opening),
      name: 'scale-listeners',
      title: 'Opening many listeners in one process',
      y: { name: 'milliseconds: median, p10 – p90', log: true },
    },
    {
      ...bars(memory, (way, scene) => memory[scene][way]),
      name: 'scale-memory',
      title: 'Resident memory of one of many listeners',
      y: { name: 'bytes: median, p10 – p90' },
    },
  ];
}
