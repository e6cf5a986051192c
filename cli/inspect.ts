// exactbind inspect: the report on a port as text or as JSON.
import { Command } from 'commander';
import type { Bindable, Holder, PortReport, Verdict } from '../lib/door.ts';
import { exitCodeOf } from './exit.ts';
import { aboutPort, ask, type PortOptions } from './port.ts';
import { type Column, styled, tableLines } from './terminal.ts';

type Door = typeof import('../lib/door.ts');

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

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

function verdictLine({ port, host, protocol, verdict, freeInMs }: PortReport, { endpoint }: Door): string {
  const words = protocol === 'udp' && verdict === 'listening' ? 'taken: somebody receives' : VERDICTS[verdict];
  const until = freeInMs === undefined ? '' : `, for ${seconds(freeInMs)}`;
  const colour = verdict === 'free' ? 'green' : verdict === 'unknown' ? 'yellow' : 'red';
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

const columnsWith = ({ endpoint }: Door): readonly Column<Holder>[] => [
  ['STATE', ({ state }) => state],
  ['LOCAL', ({ address, port }) => endpoint(address, port)],
  ['REMOTE', ({ remoteAddress, remotePort = 0 }) => (remoteAddress ? endpoint(remoteAddress, remotePort) : '')],
  ['LEFT', ({ timeLeftMs }) => (timeLeftMs === undefined ? '' : seconds(timeLeftMs))],
  ['PID', ({ pid = '' }) => String(pid)],
  ['USER', ({ user, uid }) => user ?? (uid === undefined ? '' : `uid ${uid}`)],
  ['CONTAINER', ({ container = '' }) => container],
  ['NOTE', ({ sameProgram, hidden = '' }) => (sameProgram ? 'this program' : hidden)],
  ['COMMAND', ({ command, name = '' }) => command ?? name],
];

function textOf(report: PortReport, door: Door): string {
  const { holders, reason } = report;
  const table = holders.length > 0 ? tableLines(columnsWith(door), holders, door.printable) : [];
  return [verdictLine(report, door), bindableLine(report), ...table, ...(reason === undefined ? [] : [reason])].join(
    '\n',
  );
}

interface Options extends PortOptions {
  readonly json?: true;
}

export const inspect = aboutPort(new Command('inspect'))
  .summary('show who has a port, who could bind it, and until when')
  .description('Shows who has a port, who could bind it, and until when. Nothing is ended, and no connection is made.')
  .option('--json', 'the report of inspectPort() as JSON')
  .action(async (port: number, options: Options) => {
    const report = await ask(port, options);
    const text = options.json ? JSON.stringify(report, undefined, 2) : textOf(report, await import('../lib/door.ts'));
    process.stdout.write(`${text}\n`);
    process.exitCode = exitCodeOf(report);
  });
