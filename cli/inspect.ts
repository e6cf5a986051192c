// exactbind inspect: the report on a port as text or as JSON.
import { Command } from 'commander';
import type { Bindable, Holder, HolderProcess, PortReport, Verdict } from '../lib/door.ts';
import { exitCodeOf, highest, isOverLeftovers } from './exit.ts';
import { inspectPath, pathFrom } from './path.ts';
import { aboutPorts, askEach, askedIn, type PortOptions } from './ports.ts';
import { type Column, styled, tableLines } from './terminal.ts';

type Door = typeof import('../lib/door.ts');

const VERDICTS: Record<Verdict, string> = {
  free: 'free',
  listening: 'taken: somebody listens',
  bound: 'taken: bound, and nobody listens yet',
  leftovers: 'taken: by connections of an earlier listener',
  outgoing: 'taken: an outgoing connection uses it',
  excluded: 'refused: probably in an excluded range',
  privileged: 'refused: a privileged port',
  denied: 'refused, although nobody has it',
  unknown: 'unknown',
};

const MODES: Record<keyof Bindable, string> = {
  exclusive: 'exclusive',
  reuseAddress: 'reuse-address',
  reusePort: 'reuse-port',
};

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

const OVER: Partial<Record<Verdict, string>> = {
  leftovers: 'free, over leftovers of an earlier listener',
  outgoing: 'free, over an outgoing connection from it',
};

function verdictWords(report: PortReport): string {
  const { protocol, verdict } = report;
  if (isOverLeftovers(report)) return OVER[verdict] ?? VERDICTS[verdict];
  return protocol === 'udp' && verdict === 'listening' ? 'taken: somebody receives' : VERDICTS[verdict];
}

function verdictLine(report: PortReport, { endpoint }: Door): string {
  const { port, host, protocol, verdict, freeInMs } = report;
  const words = verdictWords(report);
  const until = freeInMs === undefined ? '' : `, for ${seconds(freeInMs)}`;
  const isFree = verdict === 'free' || isOverLeftovers(report);
  const colour = isFree ? 'green' : verdict === 'unknown' ? 'yellow' : 'red';
  return `${endpoint(host, port)} ${protocol}  ${styled(colour, `${words}${until}`)}`;
}

function answer(can: boolean | null): string {
  if (can === null) return styled('yellow', 'unknown');
  return can ? styled('green', 'yes') : styled('red', 'no');
}

function bindableLine({ bindable }: PortReport): string {
  const modes = Object.entries(MODES).map(([mode, name]) => `${name} ${answer(bindable[mode as keyof Bindable])}`);
  return `bindable: ${modes.join(', ')}`;
}

/** A line of the table: a socket and the first of its processes, or only another one of them. */
interface Line {
  readonly socket?: Holder;
  readonly process?: HolderProcess;
}

function linesOf(holder: Holder): Line[] {
  const { processes: [first, ...others] = [] } = holder;
  return [{ socket: holder, ...(first && { process: first }) }, ...others.map((process) => ({ process }))];
}

const addressOf = ({ endpoint }: Door, address: string | undefined, port = 0) =>
  address === undefined ? '' : endpoint(address, port);

/** Of the process where there is one: it may have become another user since it made the socket. */
function userOf({ socket, process }: Line): string {
  const { user, uid } = process?.uid === undefined ? (socket ?? {}) : process;
  return user ?? (uid === undefined ? '' : `uid ${uid}`);
}

const columnsWith = (door: Door): readonly Column<Line>[] => [
  ['STATE', ({ socket }) => socket?.state ?? ''],
  ['LOCAL', ({ socket }) => addressOf(door, socket?.address, socket?.port)],
  ['REMOTE', ({ socket }) => addressOf(door, socket?.remoteAddress, socket?.remotePort)],
  ['LEFT', ({ socket }) => (socket?.timeLeftMs === undefined ? '' : seconds(socket.timeLeftMs))],
  ['PID', ({ process }) => String(process?.pid ?? '')],
  ['USER', userOf],
  ['CONTAINER', ({ socket }) => socket?.container ?? ''],
  ['NOTE', ({ socket }) => (socket?.sameProgram ? 'this program' : (socket?.hidden ?? ''))],
  ['COMMAND', ({ socket, process }) => process?.command ?? process?.name ?? socket?.command ?? ''],
];

function textOf(report: PortReport, door: Door): string {
  const { holders, reason, remedy, omitted } = report;
  const table = holders.length > 0 ? tableLines(columnsWith(door), holders.flatMap(linesOf), door.printable) : [];
  const more = omitted === undefined ? [] : [`and ${omitted} more`];
  const said = [reason, remedy].filter((text) => text !== undefined);
  return [verdictLine(report, door), bindableLine(report), ...table, ...more, ...said].join('\n');
}

interface Options extends PortOptions {
  readonly json?: true;
}

/** Of many ports, one that is free has one line. */
function blockOf(report: PortReport, door: Door, isOneOfMany: boolean): string {
  const isPlain = isOneOfMany && report.verdict === 'free' && report.holders.length === 0;
  return isPlain ? verdictLine(report, door) : textOf(report, door);
}

export const inspect = aboutPorts(new Command('inspect'))
  .summary('show who has a port, who could bind it, and for how long')
  .description('Shows who has a port, who could bind it, and for how long. It ends nothing and makes no connection.')
  .option('--json', 'the report of inspectPort() as JSON; for several ports, a list')
  .action(async (words: string[], options: Options, command: Command) => {
    const path = words.length === 1 ? pathFrom(words[0] as string) : undefined;
    if (path !== undefined) return inspectPath(path, options);
    const asked = askedIn(command, words, options);
    const reports: PortReport[] = [];
    const codes: number[] = [];
    for await (const report of askEach(asked)) {
      codes.push(exitCodeOf(report));
      if (options.json) reports.push(report);
      else process.stdout.write(`${blockOf(report, await import('../lib/door.ts'), asked.length > 1)}\n`);
    }
    if (options.json)
      process.stdout.write(`${JSON.stringify(asked.length === 1 ? reports[0] : reports, undefined, 2)}\n`);
    process.exitCode = highest(codes);
  });
