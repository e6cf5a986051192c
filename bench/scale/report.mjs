// The groups of a growing machine as Markdown and as plots: what each call costs among so many sockets or processes.
import { compare } from '../harness/compare.mjs';
import { durations } from '../report/duration.mjs';
import { pointOf } from '../report/point.mjs';
import { leftOutLines, table } from '../report/table.mjs';

/**
 * @import { Comparison, LeftOut, Plot, Samples } from '../group.ts'
 *
 * @typedef {{ there: number, named: boolean }} Size how many there were, and whether a refusal named the process
 * @typedef {Size & { samples: Samples }} Scene
 * @typedef {{ calls: string[], scenes: Record<string, Size>, samples: Samples, leftOut: LeftOut }} Growing
 */

const OPENED = 'server.listen, close';
const REFUSED = 'server.listen, refused';

const AGAINST = {
  'new BoundSocket, close': OPENED,
  'await listen, refused': REFUSED,
  'new BoundSocket, refused': REFUSED,
  'inspectPortSync, listening': OPENED,
  'inspectPortSync, free': OPENED,
};

/** @type {(size: string, kind: string) => string} */
const counted = (size, kind) => `${Number(size).toLocaleString('en')} ${kind}`;
/** @type {(call: string, size: string, kind: string) => string} */
const sampleName = (call, size, kind) => `${call}, ${counted(size, kind)}`;

/**
 * The samples of all scenes in one list, and what is compared with Node's own calls of the same round.
 * @param {Record<string, Scene>} measured
 * @param {string} kind
 */
export function timings(measured, kind) {
  /** @type {Samples} */
  const samples = {};
  /** @type {Comparison[]} */
  const comparisons = [];
  /** @type {Record<string, Size>} */
  const scenes = {};
  for (const [size, { samples: list, ...scene }] of Object.entries(measured)) {
    scenes[size] = scene;
    for (const [call, took] of Object.entries(list)) samples[sampleName(call, size, kind)] = took;
    for (const [call, baseline] of Object.entries(AGAINST)) {
      const names = { name: sampleName(call, size, kind), baseline: sampleName(baseline, size, kind) };
      // What reads the kernel's tables takes as long as they are large, and that is a matter of the machine's memory.
      comparisons.push(call === 'new BoundSocket, close' ? names : { ...names, machineBound: true });
    }
  }
  return { samples, comparisons, calls: Object.keys(Object.values(measured)[0]?.samples ?? {}), scenes };
}

/**
 * The ratio to a baseline, and its 95 % confidence interval.
 * @param {Samples} samples
 * @param {string} name
 * @param {string} baseline
 */
export function ratio(samples, name, baseline) {
  const { median, confidence } = compare(samples[name], samples[baseline]);
  /** @param {number} value */
  const times = (value) => `${value.toFixed(value < 10 ? 2 : 0)}x`;
  return `${times(median)} (${confidence.map(times).join(' – ')})`;
}

/** @type {(kind: string, title: string) => { lines(group: Growing): string[], plots(group: Growing): Plot[] }} */
export const growing = (kind, title) => ({
  lines({ calls, scenes, samples, leftOut }) {
    const sizes = Object.keys(scenes);
    const head = sizes.map((size) => counted(size, kind));
    const times = calls.map((call) => [call, ...sizes.map((size) => durations(samples[sampleName(call, size, kind)]))]);
    const named = sizes.map((size) => (scenes[size].named ? 'yes' : 'no'));
    // Results from before one was measured have none.
    const compared = Object.entries(AGAINST).filter((pair) => pair.every((call) => calls.includes(call)));
    const ratios = compared.map(([call, baseline]) => [
      call,
      baseline,
      ...sizes.map((size) => ratio(samples, sampleName(call, size, kind), sampleName(baseline, size, kind))),
    ]);
    return [
      ...table(['', ...head], [...times, ['the refusal names the process', ...named]]),
      '',
      ...table(['', 'against', ...head], ratios),
      ...leftOutLines(leftOut, (size) => counted(size, kind)),
    ];
  },

  plots({ calls, scenes, samples }) {
    const series = calls.map((call) => ({
      name: call,
      points: Object.keys(scenes).map((size) => pointOf(Number(size), samples[sampleName(call, size, kind)], 1e3)),
    }));
    const [x, y] = [kind, 'microseconds: median, p10 – p90'].map((name) => ({ name, log: true }));
    return [{ name: `scale-${kind}`, kind: 'line', title, x, y, series }];
  },
});
