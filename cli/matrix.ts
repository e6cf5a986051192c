// exactbind matrix: measures who can bind over whom on this system, and compares that with what its rule predicts.
import { Command } from 'commander';
import yoctoSpinner from 'yocto-spinner';
import type { Cell, inWords, Matrix } from '../matrix/index.ts';
import { EXIT } from './exit.ts';
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
  // Nothing of it is another user's text.
  return tableLines(columns, rows, (text) => text);
}

function summary({ cells }: Matrix, wrong: readonly Cell[], seconds: number): string {
  const measured = `${cells.length.toLocaleString('en')} cells measured in ${seconds.toFixed(1)} s`;
  if (wrong.length === 0) return styled('green', `${measured}; the rule predicts every one of them`);
  return styled('red', `${measured}; the rule mispredicts ${wrong.length.toLocaleString('en')} of them`);
}

function wrongLines(wrong: readonly Cell[]): string[] {
  const lines = wrong.slice(0, MOST_SHOWN).map(({ protocol, first, second, measured, predicted }) => {
    const pair = `${protocol} ${first.state} ${first.sharing} ${first.address} | ${second.sharing} ${second.address} ${second.owner}`;
    return `${pair}: measured ${JSON.stringify(measured)}, predicted ${JSON.stringify(predicted)}`;
  });
  return wrong.length > MOST_SHOWN ? [...lines, `and ${wrong.length - MOST_SHOWN} more`] : lines;
}

function headOf(matrix: Matrix, wrong: readonly Cell[], seconds: number): string[] {
  const { os, kernel, arch, node, uid, leftOut } = matrix;
  return [
    `${os === 'wine' ? 'Wine' : kernel} ${arch}, Node ${node}${uid === null ? '' : `, uid ${uid}`}`,
    summary(matrix, wrong, seconds),
    ...wrongLines(wrong),
    ...Object.entries(leftOut).map(([what, why]) => styled('yellow', `left out: ${what}: ${why}`)),
  ];
}

function textOf({ cells }: Matrix, head: readonly string[], words: InWords): string {
  const beside = (one: string, other: string) =>
    cells.filter(
      ({ first, second }) => first.address === one && second.address === other && second.owner === 'other-process',
    );
  const listening = (one: string, other: string) =>
    beside(one, other).filter(({ first }) => first.state === 'listening');
  return [
    ...head,
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
    '--json prints every cell, --html FILE makes a page of them.',
  ].join('\n');
}

interface Options {
  readonly json?: true;
  readonly html?: string;
}

// A terminal has the same line over and over; what is no terminal has ten.
const SHARE_OF_ALL = process.stderr.isTTY ? 0.002 : 0.1;

/** Counts the cells on stderr. */
function progress(): { update(done: number, total: number): void; end(): void } {
  const spinner = process.stderr.isTTY ? yoctoSpinner() : undefined;
  let next = 0;
  return {
    update(done, total) {
      if (done < next) return;
      next = done + total * SHARE_OF_ALL;
      const text = `${done.toLocaleString('en')} of ${total.toLocaleString('en')} cells`;
      if (spinner === undefined) process.stderr.write(`${text}\n`);
      else if (spinner.isSpinning) spinner.text = text;
      else spinner.start(text);
    },
    end: () => void spinner?.stop(),
  };
}

export const matrix = new Command('matrix')
  .summary('measure who can bind over whom on this system')
  .description(
    'Measures who can bind over whom on this system, and compares every pair of sockets with what its rule predicts.\n\n' +
      'Every pair is tried on ports that nobody else has, connected to over loopback only; it takes less than a minute. ' +
      'Some sockets listen on every address for a moment, so a firewall may ask. As root, a socket of another user (nobody) ' +
      'is tried too.',
  )
  .option('--json', 'every cell, measured and predicted')
  .option('--html <file>', 'a page to explore them, and the predictions for other systems')
  .addHelpText(
    'after',
    '\nThe page is one file and loads nothing. FILE is replaced once all is measured,\nand never through a symbolic link.',
  )
  .addHelpText('after', '\nExit codes: 0 as predicted, 1 not as predicted, 2 usage error, 3 not measured.')
  .action(async ({ json, html }: Options, command: Command) => {
    if (html !== undefined) await checkFile(html, command);
    // Not earlier: without a binary the import fails, and --help still helps.
    const { agrees, htmlOf, inWords, measureMatrix, pageData } = await import('../matrix/index.ts');
    const shown = progress();
    const started = performance.now();
    let measured: Matrix;
    try {
      measured = await measureMatrix([process.argv[1] as string, PARTY], shown.update);
    } finally {
      shown.end();
    }
    const wrong = measured.cells.filter((cell) => !agrees(cell));
    const seconds = (performance.now() - started) / 1000;
    const page = html === undefined ? undefined : htmlOf(pageData(measured));
    const { printable } = await import('../lib/door.ts');
    const { writeWhole } = await import('./whole-file.ts');
    if (html !== undefined && page !== undefined) writeWhole(html, page);
    const head = headOf(measured, wrong, seconds);
    if (json) process.stdout.write(`${JSON.stringify(measured)}\n`);
    else if (html === undefined) process.stdout.write(`${textOf(measured, head, inWords)}\n`);
    else process.stdout.write(`${[...head, `written: ${printable(html)}`].join('\n')}\n`);
    process.exitCode = wrong.length === 0 ? EXIT.yes : EXIT.no;
  });

/** A file that cannot be written is a mistake of the caller's, and known before anything is measured. */
async function checkFile(path: string, command: Command): Promise<void> {
  const { checkWritable, NotWritten } = await import('./whole-file.ts');
  try {
    checkWritable(path);
  } catch (error) {
    if (!(error instanceof NotWritten)) throw error;
    command.error(`error: ${error.message}`, { code: error.code, exitCode: EXIT.usage });
  }
}

const PARTY = 'matrix-party';

/** The process that the matrix starts for the sockets of others; nobody else has a use for it. */
export const matrixParty = new Command(PARTY).action(async () => {
  const { obeyParent } = await import('../matrix/process.ts');
  obeyParent();
});
