// Makes docs/benchmarks.md from bench/results/*.json: every figure there is in one of those files.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compare, median, spread } from './measure.mjs';
import { accuracyLines, lookupLines } from './report-peers.mjs';
import { figure, table } from './report-table.mjs';

const TITLES = {
  listen: 'Opening and closing a server',
  floor: 'BoundSocket against C',
  refused: 'A port that is taken',
  import: 'Import',
  register: '`exactbind/register`',
  options: 'One option',
  syscalls: 'System calls of one cycle',
  wake: 'Waiting for a port',
  accuracy: 'Who is right about a port',
  lookup: 'Who has the port, and how long it takes to find out',
};

const NOTES = {
  listen: "A new server listens on port 0 and is closed again: from the call to `'close'`.",
  floor:
    '`new BoundSocket()` and `close()` against bench/floor.c, a program that makes the same system calls and nothing ' +
    'else. In a process with threads the kernel counts references to descriptors, so there is a floor with idle threads too.',
  refused:
    "From the call to `'error'`, the rejection or the exception. Node's own error is made by the same process, and has " +
    'neither a cause nor the exact call.',
  import: 'Fresh processes that import `node:net`, then perhaps this package, and end.',
  register: 'An unmodified `server.listen()`, in two processes that differ in `--require exactbind/register` alone.',
  options:
    '`TCP_NODELAY` of a connection, by name, against bench/options.c, which makes the same system call in a loop. Node skips ' +
    '`setNoDelay()` with the value it remembers, so that one gets another value each time.',
  syscalls: 'On the main thread, by strace, per cycle; what happens in fewer than one of ten cycles is left out.',
  wake:
    "From the moment before another process closes the port (or kills itself) to the waiter's 'listening'; polling is " +
    'the same `listen()` tried again after a pause. Then the processor time of a process that waits, and the sockets that ' +
    'others close meanwhile.',
  accuracy:
    'What this package and others say of a port in states that other processes made, each asked in a process of its own, in ' +
    'a network namespace where nobody else is.',
  lookup:
    'The holder of a port is found by everybody in turn, in one run. The command lines are started as a program starts ' +
    'them, and their output is not parsed.',
};

const megabytes = (list) => figure(median(list), [1e6, ' MB'], 1);

const costs = ([name, { share, perSecond }]) => [name, `${(share * 100).toFixed(3)} %`, perSecond.toFixed(0)];

/** Undecided where the confidence interval contains the target: this run cannot tell. */
function verdict(target, [low, high], format) {
  const limit = target.ratio ?? target.difference;
  const word = high <= limit ? 'met' : low <= limit ? 'undecided' : 'missed';
  return `${format(limit)}: ${word}`;
}

function timings(group) {
  const { samples, comparisons, rss, cpu } = group;
  const unit = rss === undefined ? [1e3, ' µs'] : [1e6, ' ms'];
  const rows = Object.entries(samples).map(([name, list]) => {
    const { median: middle, p10, p90 } = spread(list);
    return [name, figure(middle, unit), `${figure(p10, unit)} – ${figure(p90, unit)}`];
  });

  const compared = comparisons.map(({ name, baseline, target, difference }) => {
    const result = compare(samples[name], samples[baseline], difference ? (ours, theirs) => ours - theirs : undefined);
    const format = (value) => (difference ? figure(value, unit) : `${value.toFixed(2)}x`);
    return [
      name,
      baseline,
      format(result.median),
      result.confidence.map(format).join(' – '),
      `${format(result.p10)} – ${format(result.p90)}`,
      format(result.ofMeans),
      target === undefined ? '' : verdict(target, result.confidence, format),
    ];
  });
  const word = comparisons[0]?.difference ? 'difference' : 'ratio';
  return [
    ...table(['', 'median', 'p10 – p90'], rows),
    '',
    ...table(['', 'against', word, '95 % confidence', 'p10 – p90', 'of the means', 'target'], compared),
    ...(rss === undefined
      ? []
      : [
          '',
          ...table(
            ['', 'RSS'],
            Object.entries(rss).map(([name, list]) => [name, megabytes(list)]),
          ),
        ]),
    ...(cpu === undefined
      ? []
      : ['', ...table(['', 'of a core', 'closes per second'], Object.entries(cpu).map(costs))]),
  ];
}

function calls({ variants }) {
  const rows = Object.entries(variants).map(([name, { calls: list }]) => [
    name,
    Object.values(list)
      .reduce((sum, times) => sum + times, 0)
      .toFixed(1)
      .replace(/\.0$/, ''),
    Object.entries(list)
      .map(([call, times]) => (times === 1 ? call : `${times} ${call}`))
      .join(', '),
  ]);
  return table(['', 'calls', 'which'], rows);
}

// Every other group is of timings.
const LINES = { syscalls: calls, accuracy: accuracyLines, lookup: lookupLines };

/** A group as lines of Markdown. */
export function linesOf(name, group) {
  const title = [`### ${TITLES[name]}`, '', NOTES[name], ''];
  if (group.skipped !== undefined) return [...title, `Skipped: ${group.skipped}.`];
  return [...title, ...(LINES[name] ?? timings)(group)];
}

export function writeReport() {
  const folder = fileURLToPath(new URL('results/', import.meta.url));
  const files = readdirSync(folder).filter((name) => name.endsWith('.json') && !name.endsWith('-quick.json'));
  const lines = [
    '# Benchmarks',
    '',
    'Generated by bench/report.mjs from the raw figures in bench/results/: do not edit. `npm run bench` measures again.',
    '',
    'Variants of a group run side by side in one run, in many short rounds and in an order that changes with each. A ratio is',
    'taken within each round, and the median of these ratios is what counts; the ratio of the means, which every pause of the',
    'machine and every collection of garbage enters, stands beside it. Compare ratios, not times: those are of one machine.',
  ];
  const byVersion = (a, b) => a.localeCompare(b, 'en', { numeric: true });
  for (const name of files.sort(byVersion)) {
    const { machine, groups } = JSON.parse(readFileSync(folder + name, 'utf8'));
    const dates = Object.values(groups).map(({ date }) => date.slice(0, 10));
    const loads = Object.values(groups).map(({ loadBefore }) => loadBefore);
    lines.push(
      '',
      `## Node ${machine.node.slice(1)}, ${machine.os} ${machine.arch}`,
      '',
      `${machine.kernel}, ${machine.cpus} × ${machine.cpu}, ${[...new Set(dates)].sort().join(', ')}; load`,
      `average before the groups ${Math.min(...loads).toFixed(1)} – ${Math.max(...loads).toFixed(1)}; raw figures: bench/results/${name}`,
    );
    for (const group of Object.keys(TITLES))
      if (groups[group] !== undefined) lines.push('', ...linesOf(group, groups[group]));
  }
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), `${lines.join('\n')}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeReport();
