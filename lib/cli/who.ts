// exactbind who: the processes that have a port, one a line, and nothing else.
import { parseArgs } from 'node:util';
import { whoHolds } from '../inspect/sentence.ts';
import type { Command } from './command.ts';
import { ask, EXIT_HELP, exitCodeOf, QUESTION, QUESTION_HELP } from './question.ts';

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: QUESTION, allowPositionals: true });
  const report = await ask(positionals, values);
  // No process has what is left of a connection.
  const owned = report.holders.filter(({ pid, hidden }) => pid !== undefined || hidden !== undefined);
  // One process can have several sockets.
  for (const line of new Set(owned.map(whoHolds))) process.stdout.write(`${line}\n`);
  if (report.reason !== undefined) process.stderr.write(`exactbind: ${report.reason}\n`);
  return exitCodeOf(report);
}

export const who: Command = {
  synopsis: 'who <port> [--host H] [--udp]',
  summary: 'Prints the processes that have a port, one a line, and nothing else.',
  details: `${QUESTION_HELP}

${EXIT_HELP}`,
  run,
};
