// exactbind who: the processes that have a port and who started them, one a line, and nothing else.
import { Command } from 'commander';
import type { Holder, HolderProcess, PortReport } from '../lib/door.ts';
import { ancestryLine } from './ancestry.ts';
import { exitCodeOf, highest } from './exit.ts';
import { pathFrom, whoHasPath } from './path.ts';
import { aboutPorts, askEach, askedIn, type PortOptions } from './ports.ts';
import { fitted } from './terminal.ts';

type Door = typeof import('../lib/door.ts');

interface Options extends PortOptions {
  readonly json?: true;
  readonly pid?: true;
}

/** A process that has one of the sockets. */
export interface Owner {
  readonly holder: Holder;
  readonly process: HolderProcess;
}

/** Each process once, in the order of the report. */
export function ownersIn({ holders }: Pick<PortReport, 'holders'>): Owner[] {
  const owners = new Map<number, Owner>();
  for (const holder of holders) {
    for (const process of holder.processes ?? []) {
      if (!owners.has(process.pid)) owners.set(process.pid, { holder, process });
    }
  }
  return [...owners.values()];
}

/** `node (pid 4711, user ada)`, of each process by itself. */
export function ownerName({ holder, process }: Owner, { whoHolds }: Door, more?: string): string {
  const { user: _, uid: __, name: ___, ...socket } = holder;
  const sameProgram = process.pid === holder.pid ? holder.sameProgram : null;
  return whoHolds({ ...socket, ...process, self: process.self, sameProgram, processes: [process] }, more);
}

/** `node (pid 4711, user ada, zsh → npm → node server.js, for 3 hours)`. */
export const ownerLine = (owner: Owner, door: Door): string =>
  ownerName(owner, door, ancestryLine(door.ancestryOf(owner.process.pid)));

function linesOf({ holders }: PortReport, { whoHolds, ancestryOf }: Door): string[] {
  // No process has what is left of a connection.
  const owned = holders.filter(({ pid, hidden }) => pid !== undefined || hidden !== undefined);
  const lines = owned.map((one) =>
    whoHolds(one, one.pid === undefined ? undefined : ancestryLine(ancestryOf(one.pid))),
  );
  // One process can have several sockets.
  return lines.length === 0 && holders.length > 0 ? ['no process'] : [...new Set(lines)];
}

/** What --json prints of a port (docs/json.md). */
function jsonOf(report: PortReport, door: Door): object {
  const { port, host, protocol, verdict, holders, omitted, reason } = report;
  const hidden = holders.flatMap((holder) => (holder.pid === undefined ? (holder.hidden ?? []) : []));
  const processes = ownersIn(report).map(({ holder, process }) => ({
    ...process,
    ...(holder.container !== undefined && { container: holder.container }),
    ancestors: door.ancestryOf(process.pid).slice(1),
  }));
  return {
    ...{ port, host, protocol, verdict, processes },
    mayHideProcesses: holders.some((holder) => holder.hiddenProcesses === true),
    ...(hidden.length > 0 && { hidden: [...new Set(hidden)] }),
    ...(omitted !== undefined && { omitted }),
    ...(reason !== undefined && { reason }),
  };
}

export const who = aboutPorts(new Command('who'))
  .summary('print the processes that have a port, and who started them')
  .description('Prints the processes that have a port and who started them, one per line.')
  .option('--json', 'the processes and their ancestors as JSON')
  .option('--pid', 'only the pids, one per line')
  .action(async (words: string[], options: Options, command: Command) => {
    const path = words.length === 1 ? pathFrom(words[0] as string) : undefined;
    if (path !== undefined) return whoHasPath(path, options);
    const asked = askedIn(command, words, options);
    if (options.json && options.pid) command.error("error: option '--json' cannot be used with option '--pid'");
    const answers: object[] = [];
    const pids = new Set<number>();
    const codes: number[] = [];
    for await (const report of askEach(asked)) {
      const door = await import('../lib/door.ts');
      codes.push(exitCodeOf(report));
      if (options.json) answers.push(jsonOf(report, door));
      else if (options.pid) for (const { process } of ownersIn(report)) pids.add(process.pid);
      else print(report, door, asked.length > 1);
      if (report.reason !== undefined && !options.json) process.stderr.write(`exactbind: ${report.reason}\n`);
    }
    for (const pid of pids) process.stdout.write(`${pid}\n`);
    if (options.json)
      process.stdout.write(`${JSON.stringify(asked.length === 1 ? answers[0] : answers, undefined, 2)}\n`);
    process.exitCode = highest(codes);
  });

/** Of several ports, each line begins with its own. */
function print(report: PortReport, door: Door, isOneOfMany: boolean): void {
  const { host, port } = report;
  const before = isOneOfMany ? `${door.endpoint(host, port)}  ` : '';
  for (const line of linesOf(report, door)) process.stdout.write(`${fitted(`${before}${line}`)}\n`);
}
