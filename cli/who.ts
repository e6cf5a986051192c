// exactbind who: the processes that have a port, one a line, and nothing else.
import { Command } from 'commander';
import { exitCodeOf } from './exit.ts';
import { aboutPort, ask, type PortOptions } from './port.ts';

export const who = aboutPort(new Command('who'))
  .summary('print the processes that have a port')
  .description('Prints the processes that have a port, one a line, and nothing else.')
  .action(async (port: number, options: PortOptions) => {
    const report = await ask(port, options);
    const { whoHolds } = await import('../lib/door.ts');
    // No process has what is left of a connection.
    const owned = report.holders.filter(({ pid, hidden }) => pid !== undefined || hidden !== undefined);
    const lines = owned.length === 0 && report.holders.length > 0 ? ['no process'] : owned.map(whoHolds);
    // One process can have several sockets.
    for (const line of new Set(lines)) process.stdout.write(`${line}\n`);
    if (report.reason !== undefined) process.stderr.write(`exactbind: ${report.reason}\n`);
    process.exitCode = exitCodeOf(report);
  });
