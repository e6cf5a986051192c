// exactbind matrix: measures who can bind over whom on this system, and compares that with what its rule predicts.
import { parseArgs } from 'node:util';
import type { Cell, inWords, Matrix } from '../matrix/index.ts';
import { type Command, EXIT, UsageError } from './command.ts';
import { type Column, styled, tableLines } from './terminal.ts';

const MOST_SHOWN = 20;

type InWords = typeof inWords;

/** The cells of the same first socket, by the sharing of the second. */
type Row = readonly Cell[];

function rowsOf(cells: readonly Cell[]): Row[] {
  const rows = new Map<string, Cell[]>();
  for (const cell of cells) {
    const { protocol, first } = cell;
    const key = [protocol, first.state, first.sharing].join();
    rows.set(key, [...(rows.get(key) ?? []), cell]);
  }
  return [...rows.values()];
}

function tableOf(cells: readonly Cell[], words: InWords): string[] {
  const rows = rowsOf(cells);
  const first = (row: Row) => row[0] as Cell;
  const columns: Column<Row>[] = [
    ['FIRST', (row) => `${first(row).protocol} ${first(row).first.state}`],
    ['SHARING', (row) => first(row).first.sharing],
    ...(rows[0] ?? []).map(
      ({ second }, index): Column<Row> => [second.sharing.toUpperCase(), (row) => words(row[index] as Cell)],
    ),
  ];
  return tableLines(columns, rows);
}

function summary({ cells }: Matrix, wrong: readonly Cell[], seconds: number): string {
  const measured = `${cells.length.toLocaleString('en')} cells measured in ${seconds.toFixed(1)} s`;
  if (wrong.length === 0) return styled('green', `${measured}; the rule predicts every one of them`);
  return styled('red', `${measured}; the rule predicts ${wrong.length.toLocaleString('en')} of them otherwise`);
}

function wrongLines(wrong: readonly Cell[]): string[] {
  const lines = wrong.slice(0, MOST_SHOWN).map(({ protocol, first, second, measured, predicted }) => {
    const pair = `${protocol} ${first.state} ${first.sharing} ${first.address} | ${second.sharing} ${second.address} ${second.owner}`;
    return `${pair}: measured ${JSON.stringify(measured)}, predicted ${JSON.stringify(predicted)}`;
  });
  return wrong.length > MOST_SHOWN ? [...lines, `and ${wrong.length - MOST_SHOWN} more`] : lines;
}

function textOf(matrix: Matrix, wrong: readonly Cell[], seconds: number, words: InWords): string {
  const { os, kernel, arch, node, uid, leftOut, cells } = matrix;
  const beside = (one: string, other: string) =>
    cells.filter(
      ({ first, second }) => first.address === one && second.address === other && second.owner === 'other-process',
    );
  const listening = (one: string, other: string) =>
    beside(one, other).filter(({ first }) => first.state === 'listening');
  return [
    `${os === 'wine' ? 'Wine' : kernel} ${arch}, Node ${node}${uid === null ? '' : `, uid ${uid}`}`,
    summary(matrix, wrong, seconds),
    ...wrongLines(wrong),
    ...Object.entries(leftOut).map(([what, why]) => styled('yellow', `left out: ${what}: ${why}`)),
    '',
    'A second socket, of another process, on the same address (127.0.0.1): bind(), listen(), who receives',
    ...tableOf(beside('127.0.0.1', '127.0.0.1'), words),
    '',
    'The second on 127.0.0.1, the first on every address (0.0.0.0)',
    ...tableOf(listening('0.0.0.0', '127.0.0.1'), words),
    '',
    'The second on every address (0.0.0.0), the first on 127.0.0.1',
    ...tableOf(listening('127.0.0.1', '0.0.0.0'), words),
    '',
    '--json prints every cell.',
  ].join('\n');
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (positionals.length > 0) throw new UsageError(`no argument, and not '${positionals.join(' ')}'`);
  // Not earlier: where there is no binary, the import fails, and --help still helps.
  const { agrees, inWords, measureMatrix } = await import('../matrix/index.ts');
  const { default: progress } = await import('cli-progress');
  // Without linewrap it would tell the terminal not to wrap, and whoever interrupts it would be left with that.
  const options = { format: '{bar} {value} of {total} cells', clearOnComplete: true, linewrap: true };
  const bar = new progress.SingleBar(options);
  const started = performance.now();
  let matrix: Matrix;
  try {
    matrix = await measureMatrix((done, total) => {
      if (done === 1) bar.start(total, 0);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
  const wrong = matrix.cells.filter((cell) => !agrees(cell));
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${values.json ? JSON.stringify(matrix) : textOf(matrix, wrong, seconds, inWords)}\n`);
  // The codes are named for ports: nothing here is free or taken.
  return wrong.length === 0 ? EXIT.FREE : EXIT.TAKEN;
}

export const matrix: Command = {
  synopsis: 'matrix [--json]',
  summary: 'Measures who can bind over whom on this system.',
  details: `  --json    every cell, measured and predicted

Every pair of sockets is tried, on ports that nobody else has, connected to over loopback only; it takes less than a minute.
Some listen on every address for a moment, so a firewall may ask. As root, a socket of another user (nobody) is tried too.

Exit code: 0 if everything is as the rule of the system predicts, 1 if not, 2 wrong usage, 3 not measured.`,
  run,
};
