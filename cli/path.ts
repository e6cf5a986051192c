// A Unix socket on the command line: which words mean one, and what inspect and who print of it.
import type { HolderProcess, PathHolder, PathReport } from '../lib/door.ts';
import { EXIT, exitCodeOfVerdict } from './exit.ts';
import { type Column, styled, tableLines } from './terminal.ts';

type Door = typeof import('../lib/door.ts');

/** The options of a command about ports, of which a path takes none but `--json`. */
export interface PathOptions {
  readonly host?: string;
  readonly udp?: true;
  readonly json?: true;
}

/** The path that a word means, `@name` for an abstract name; undefined for what is a port or a host. */
export function pathFrom(word: string): string | undefined {
  if (word.startsWith('@')) return `\0${word.slice(1)}`;
  return /[/\\]/.test(word) || word.startsWith('.') ? word : undefined;
}

const VERDICTS: Record<PathReport['verdict'], readonly [colour: 'green' | 'red' | 'yellow', words: string]> = {
  free: ['green', 'free'],
  listening: ['red', 'taken: somebody listens'],
  bound: ['red', 'taken: bound, and nobody listens yet'],
  denied: ['red', 'refused: not a socket, or no permission'],
  unknown: ['yellow', 'unknown'],
};

const ANSWERS = new Map<boolean | null, string>([
  [true, styled('green', 'yes')],
  [false, styled('red', 'no')],
  [null, styled('yellow', 'unknown')],
]);

/** A line of the table: a socket and the first of its processes, or only another one of them. */
interface Line {
  readonly socket?: PathHolder;
  readonly process?: HolderProcess;
}

function linesOf(holder: PathHolder): Line[] {
  const { processes: [first, ...others] = [] } = holder;
  return [{ socket: holder, ...(first && { process: first }) }, ...others.map((process) => ({ process }))];
}

function userOf({ socket, process }: Line): string {
  const { user, uid } = process?.uid === undefined ? (socket ?? {}) : process;
  return user ?? (uid === undefined ? '' : `uid ${uid}`);
}

const COLUMNS: readonly Column<Line>[] = [
  ['STATE', ({ socket }) => socket?.state ?? ''],
  ['PID', ({ process }) => String(process?.pid ?? '')],
  ['USER', userOf],
  ['NOTE', ({ socket }) => (socket?.sameProgram ? 'this program' : (socket?.hidden ?? ''))],
  ['COMMAND', ({ socket, process }) => process?.command ?? process?.name ?? socket?.command ?? ''],
];

function textOf(report: PathReport, { printable, shownPath }: Door): string {
  const { path, verdict, bindable, holders, omitted, reason, remedy } = report;
  const [colour, words] = VERDICTS[verdict];
  const table = holders.length > 0 ? tableLines(COLUMNS, holders.flatMap(linesOf), printable) : [];
  const more = omitted === undefined ? [] : [`and ${omitted} more`];
  const said = [reason, remedy].filter((text) => text !== undefined);
  const first = `${printable(shownPath(path))}  ${styled(colour, words)}`;
  return [first, `bindable: exclusive ${ANSWERS.get(bindable.exclusive)}`, ...table, ...more, ...said].join('\n');
}

/** The report; undefined, and said, where an option is for ports alone. */
async function ask(path: string, { host, udp }: PathOptions): Promise<PathReport | undefined> {
  const wrong = host === undefined ? udp && '--udp' : '--host';
  if (wrong) {
    process.stderr.write(`exactbind: a path has no ${wrong}\n`);
    process.exitCode = EXIT.usage;
    return undefined;
  }
  // Not earlier: without a binary the import fails, and --help still helps.
  const { inspectPort } = await import('../lib/door.ts');
  return inspectPort({ path });
}

/** What `exactbind inspect PATH` prints; the exit code is that of the report. */
export async function inspectPath(path: string, options: PathOptions): Promise<void> {
  const report = await ask(path, options);
  if (report === undefined) return;
  const text = options.json ? JSON.stringify(report, undefined, 2) : textOf(report, await import('../lib/door.ts'));
  process.stdout.write(`${text}\n`);
  process.exitCode = exitCodeOfVerdict(report.verdict);
}

/** What `exactbind who PATH` prints. */
export async function whoHasPath(path: string, options: PathOptions): Promise<void> {
  const report = await ask(path, options);
  if (report === undefined) return;
  const { whoHolds } = await import('../lib/door.ts');
  for (const line of new Set(report.holders.map((holder) => whoHolds(holder)))) process.stdout.write(`${line}\n`);
  if (report.reason !== undefined) process.stderr.write(`exactbind: ${report.reason}\n`);
  process.exitCode = exitCodeOfVerdict(report.verdict);
}
