// exactbind inspect: the report on a port as text or as JSON.
import { parseArgs } from 'node:util';
import type { Bindable, Holder, PortReport, Verdict } from '../index.ts';
import type { Command } from './command.ts';
import { ask, EXIT_HELP, exitCodeOf, QUESTION, QUESTION_HELP } from './question.ts';
import { type Column, styled, tableLines } from './terminal.ts';

const VERDICTS: Record<Verdict, string> = {
  free: 'free',
  listening: 'taken: somebody listens',
  bound: 'taken: bound, and nobody listens yet',
  leftovers: 'taken: connections of an earlier listener are left',
  outgoing: 'taken: it is the local port of an outgoing connection',
  excluded: 'refused: probably in an excluded range',
  privileged: 'refused: a privileged port',
  unknown: 'unknown',
};

const MODES: Record<keyof Bindable, string> = {
  exclusive: 'exclusive',
  reuseAddress: 'reuse-address',
  reusePort: 'reuse-port',
};

function place(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

function verdictLine({ port, host, protocol, verdict, freeInMs }: PortReport): string {
  const words = protocol === 'udp' && verdict === 'listening' ? 'taken: somebody receives' : VERDICTS[verdict];
  const until = freeInMs === undefined ? '' : `, for ${seconds(freeInMs)}`;
  const colour = verdict === 'free' ? 'green' : verdict === 'unknown' ? 'yellow' : 'red';
  return `${place(host, port)} ${protocol}  ${styled(colour, `${words}${until}`)}`;
}

function answer(can: boolean | null): string {
  if (can === null) return styled('yellow', 'unknown');
  return can ? styled('green', 'yes') : styled('red', 'no');
}

function bindableLine({ bindable }: PortReport): string {
  const modes = Object.entries(MODES).map(([mode, name]) => `${name} ${answer(bindable[mode as keyof Bindable])}`);
  return `bindable: ${modes.join(', ')}`;
}

const COLUMNS: readonly Column<Holder>[] = [
  ['STATE', ({ state }) => state],
  ['LOCAL', ({ address, port }) => place(address, port)],
  ['REMOTE', ({ remoteAddress, remotePort = 0 }) => (remoteAddress ? place(remoteAddress, remotePort) : '')],
  ['LEFT', ({ timeLeftMs }) => (timeLeftMs === undefined ? '' : seconds(timeLeftMs))],
  ['PID', ({ pid = '' }) => String(pid)],
  ['USER', ({ user, uid }) => user ?? (uid === undefined ? '' : `uid ${uid}`)],
  ['CONTAINER', ({ container = '' }) => container],
  ['NOTE', ({ sameProgram, hidden = '' }) => (sameProgram ? 'this program' : hidden)],
  ['COMMAND', ({ command, name = '' }) => command ?? name],
];

function textOf(report: PortReport): string {
  const { holders, reason } = report;
  const table = holders.length > 0 ? tableLines(COLUMNS, holders) : [];
  return [verdictLine(report), bindableLine(report), ...table, ...(reason === undefined ? [] : [reason])].join('\n');
}

async function run(args: readonly string[]): Promise<number> {
  const options = { ...QUESTION, json: { type: 'boolean' } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const report = await ask(positionals, values);
  process.stdout.write(`${values.json ? JSON.stringify(report, undefined, 2) : textOf(report)}\n`);
  return exitCodeOf(report);
}

export const inspect: Command = {
  synopsis: 'inspect <port> [--host H] [--udp] [--json]',
  summary: 'Tells who has a port, who could bind it, and until when.',
  details: `${QUESTION_HELP}
  --json    the report of inspectPort(), as JSON

${EXIT_HELP}`,
  run,
};
