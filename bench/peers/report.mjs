// The groups of bench/peers/peers.mjs as Markdown: who was right about a port, and who found its holder how fast.
import { compare, confidence, median, spread } from '../harness/compare.mjs';
import { pointOf } from '../report/point.mjs';
import { figure, table } from '../report/table.mjs';
import { reached } from '../report/timings.mjs';

/**
 * @import { Compared, Figures, Plot, Samples } from '../group.ts'
 * @import { Unit } from '../report/table.mjs'
 *
 * @typedef {{ said?: unknown, error?: string, late?: boolean }} Answer what a package says of a port, or that it does not
 * @typedef {{ free: boolean, code?: string }} Truth what a server.listen() meets
 * @typedef {'checkers' | 'finders' | 'instances'} Kind
 * @typedef {{ truth: Truth & { listening: number[], isInstance?: boolean } } & Partial<Record<Kind, Record<string, Answer>>>} Answers
 * @typedef {Figures & Partial<Record<Kind, Record<string, string>>> & { cases: Record<string, Answers>, versions: Record<string, string> }} Accuracy
 *   the calls of each package, and what they say
 * @typedef {{ count: number, samples: Samples }} Refusals
 * @typedef {Figures & { idle: { processes: number, descriptors: number }, scenes: Record<string, Samples>, refusals: Refusals }} Lookup
 */

const WRONG = 'wrong: said ';

/** @param {Answer} answer */
function withoutAnswer({ late, error, said }) {
  if (late) return 'no answer in time';
  if (error !== undefined) return `error: ${error}`;
  return said === null ? 'cannot tell' : undefined;
}

/**
 * @param {Answer} answer
 * @param {Answers['truth']} truth
 */
function judgeChecker(answer, { free }) {
  const none = withoutAnswer(answer);
  if (none !== undefined) return none;
  return answer.said === free ? 'right' : `${WRONG}${answer.said ? 'free' : 'taken'}`;
}

/**
 * @param {Answer} answer
 * @param {Answers['truth']} truth
 */
function judgeFinder(answer, { listening }) {
  const none = withoutAnswer(answer);
  if (none !== undefined) return none;
  const said = /** @type {number[]} */ (answer.said);
  const right = said.filter((pid) => listening.includes(pid)).length;
  if (right < said.length) return `${WRONG}one that does not listen`;
  if (right === listening.length) return 'right';
  return right === 0 ? `${WRONG}nobody` : `${WRONG}${right} of ${listening.length}`;
}

/**
 * @param {Answer} answer
 * @param {Answers['truth']} truth
 */
function judgeInstance(answer, { isInstance }) {
  const none = withoutAnswer(answer);
  if (none !== undefined) return none;
  return answer.said === isInstance ? 'right' : `${WRONG}${answer.said ? 'it is' : 'it is not'}`;
}

/** @type {Record<Kind, { judge: typeof judgeChecker, truthOf: (truth: Answers['truth']) => string }>} */
const KINDS = {
  checkers: { judge: judgeChecker, truthOf: ({ free, code }) => (free ? 'free' : String(code)) },
  finders: { judge: judgeFinder, truthOf: ({ listening }) => `${listening.length || 'nobody'}` },
  instances: { judge: judgeInstance, truthOf: ({ isInstance }) => (isInstance ? 'it is' : 'it is not') },
};

/**
 * How many cases each package is right about.
 * @param {Accuracy} group
 * @param {Kind} kind
 * @returns {[who: string, right: number][]}
 */
function rightAnswers(group, kind) {
  /** @type {(who: string) => (one: Asked) => boolean} */
  const right = (who) => (one) => KINDS[kind].judge(one.said[who], one.truth) === 'right';
  const cases = asked(group, kind);
  return Object.keys(group[kind] ?? {}).map((who) => [who, cases.filter(right(who)).length]);
}

/** @typedef {{ name: string, truth: Answers['truth'], said: Record<string, Answer> }} Asked */

/**
 * The cases in which a question was asked.
 * @param {Accuracy} group
 * @param {Kind} kind
 * @returns {Asked[]}
 */
function asked({ cases }, kind) {
  return Object.entries(cases).flatMap(([name, { truth, [kind]: said }]) =>
    said === undefined ? [] : [{ name, truth, said }],
  );
}

/**
 * @param {Accuracy} group
 * @param {Kind} kind
 */
function answers(group, kind) {
  const { judge, truthOf } = KINDS[kind];
  const rights = rightAnswers(group, kind);
  const rows = asked(group, kind).map(({ name, truth, said }) => [
    name,
    truthOf(truth),
    ...rights.map(([who]) => judge(said[who], truth)),
  ]);
  const total = ['right answers', '', ...rights.map(([, count]) => `${count} of ${rows.length}`)];
  return table(['the port', 'in truth', ...rights.map(([who]) => who)], [...rows, total]);
}

/**
 * @param {Record<string, string> | undefined} packages
 * @param {Record<string, string>} versions
 */
const calls = (packages, versions) =>
  Object.entries(packages ?? {}).map(([who, call]) => [who, versions[who.split(',')[0]] ?? 'this one', `\`${call}\``]);

/** @param {Accuracy} group */
export function accuracyLines(group) {
  const { versions, checkers, finders, instances } = group;
  return [
    '"Can a plain `server.listen(port)` have the port now?" The truth is what such a call met just before, and again after.',
    '',
    ...table(['package', 'version', 'asked'], calls(checkers, versions)),
    '',
    ...answers(group, 'checkers'),
    '',
    '"Which processes listen on this TCP port?" All of them, and nobody else, is right. An unprivileged caller may not',
    'see the pid; to answer "nobody" then is still wrong.',
    '',
    ...table(['package', 'version', 'asked'], calls(finders, versions)),
    '',
    ...answers(group, 'finders'),
    ...(instances === undefined ? [] : instanceLines(group)),
  ];
}

/** @param {Accuracy} group */
function instanceLines(group) {
  return [
    '',
    '"Is the holder another instance of the program that asks, run by the same user?" Who cannot tell does not claim to.',
    '',
    ...table(['package', 'version', 'asked'], calls(group.instances, group.versions)),
    '',
    ...answers(group, 'instances'),
  ];
}

/** @type {Partial<Record<Kind, string>>} */
const QUESTIONS = {
  checkers: 'Can a plain server.listen(port) have the port?',
  finders: 'Which processes listen on the port?',
};

/**
 * @param {Accuracy} group
 * @returns {Plot[]}
 */
export function accuracyPlots(group) {
  const total = Object.keys(group.cases).length;
  return Object.entries(QUESTIONS).map(([kind, question]) => {
    const points = rightAnswers(group, /** @type {Kind} */ (kind)).toSorted(([, a], [, b]) => b - a);
    return {
      name: `accuracy-${kind}`,
      kind: 'bar',
      title: question,
      x: { name: '', categories: points.map(([who]) => who) },
      y: { name: `right answers of ${total}`, max: total },
      series: [{ name: 'right answers', points }],
    };
  });
}

const FASTER = 50;
const OF_C = 1.3;
/** Two seconds for a thousand. */
const OF_A_REFUSAL = 2e6;
const OTHERS = ['pid-port', 'find-process', 'lsof -nP -i :port'];
/** @type {Unit} */
const MILLISECONDS = [1e6, ' ms'];

/**
 * @param {Samples} samples
 * @param {string} name
 * @param {string} fastest
 */
function faster(samples, name, fastest) {
  return compare(samples[name], samples[fastest], (ours, theirs) => theirs / ours);
}

/** @param {[string, Samples]} scene */
function ratios([scene, samples]) {
  const [fastest] = OTHERS.toSorted((a, b) => median(samples[a]) - median(samples[b]));
  const verdict = faster(samples, 'inspectPortSync without pids', fastest);
  const pid = compare(samples.inspectPortSync, samples.C);
  /** @param {number} value */
  const times = (value) => `${value.toFixed(1)}x`;
  /** @type {(list: number[], digits: number) => string} */
  const interval = (list, digits) => `(${list.map((value) => value.toFixed(digits)).join(' – ')})`;
  return [
    scene,
    fastest,
    `${times(verdict.median)} ${interval(verdict.confidence, 1)}: ${reached((value) => value >= FASTER, verdict.confidence)}`,
    times(faster(samples, 'inspectPortSync', fastest).median),
    times(faster(samples, 'inspectPort', fastest).median),
    `${pid.median.toFixed(2)}x ${interval(pid.confidence, 2)}: ${reached((value) => value <= OF_C, pid.confidence)}`,
  ];
}

/** @param {Lookup} group */
export function lookupLines({ idle, scenes, refusals }) {
  const names = Object.keys(Object.values(scenes)[0]);
  /** @param {number[]} list */
  const time = (list) => {
    const { median: middle, p10, p90 } = spread(list);
    return `${figure(middle, MILLISECONDS)} (${(p10 / 1e6).toFixed(2)} – ${(p90 / 1e6).toFixed(2)})`;
  };
  /** @param {number} value */
  const seconds = (value) => `${(value / 1e9).toFixed(2)} s`;
  const { count, samples } = refusals;
  /** @param {number[]} list */
  const range = (list) => `${seconds(median(list))} (${seconds(Math.min(...list))} – ${seconds(Math.max(...list))})`;
  const ratio = compare(samples['new BoundSocket'], samples['server.listen']);
  return [
    `In a pid namespace with ${idle.processes} processes of ${idle.descriptors} descriptors each (idle), and then with so many`,
    'sockets of one process, or processes of 200 descriptors each, besides. Two processes listen, asked about in turn; they were',
    'started last, so that /proc names them last. C is bench/peers/owner.c. Median, p10 – p90:',
    '',
    ...table(
      ['', ...Object.keys(scenes)],
      names.map((name) => [name, ...Object.values(scenes).map((one) => time(one[name]))]),
    ),
    '',
    `How many times faster than the fastest of ${OTHERS.join(', ')}, and how many times the time of C; 95 % confidence. Without`,
    'pids a report has the verdict, the users and the control groups: no option asks for it, an error has it when its time is up.',
    '',
    ...table(
      [
        '',
        'fastest of the others',
        `without pids (target ${FASTER}x)`,
        'inspectPortSync',
        'inspectPort',
        `inspectPortSync, of C (target ${OF_C}x)`,
      ],
      Object.entries(scenes).map(ratios),
    ),
    '',
    `${count.toLocaleString('en')} refused listens, one after another, idle: ${range(samples['new BoundSocket'])} of \`new BoundSocket\` with`,
    `their explanation, ${range(samples['server.listen'])} of \`server.listen\` without; ratio ${ratio.median.toFixed(0)}x ` +
      `(${ratio.confidence.map((value) => value.toFixed(0)).join(' – ')}); target ${seconds(count * OF_A_REFUSAL)}: ` +
      `${reached((value) => value <= count * OF_A_REFUSAL, confidence(samples['new BoundSocket']))}.`,
  ];
}

const OURS = ['inspectPortSync without pids', 'inspectPortSync', 'inspectPort', 'new BoundSocket, refused'];

/**
 * @param {Lookup} group
 * @returns {Compared[]}
 */
export function lookupComparisons({ scenes }) {
  return Object.entries(scenes).flatMap(([scene, samples]) =>
    OURS.map((name) => ({
      name: `${name}, ${scene}`,
      baseline: `C, ${scene}`,
      ours: samples[name],
      theirs: samples.C,
    })),
  );
}

/**
 * @param {Lookup} group
 * @returns {Plot[]}
 */
export function lookupPlots({ scenes }) {
  const categories = Object.keys(scenes);
  return [
    {
      name: 'lookup',
      kind: 'line',
      title: 'Finding who has a port',
      x: { name: 'what else is there', categories },
      y: { name: 'milliseconds: median, p10 – p90', log: true },
      series: Object.keys(scenes[categories[0]]).map((name) => ({
        name,
        points: categories.map((scene) => pointOf(scene, scenes[scene][name], 1e6)),
      })),
    },
  ];
}
