#!/usr/bin/env node
// The command line: puts the commands together, and turns what goes wrong into a message and an exit code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { build } from './build.ts';
import { completionOf } from './completion.ts';
import { doctor } from './doctor.ts';
import { EXIT } from './exit.ts';
import { inspect } from './inspect.ts';
import { killCommand } from './kill.ts';
import { matrix, matrixParty } from './matrix.ts';
import { next } from './next.ts';
import { runCommand } from './run.ts';
import { wait } from './wait.ts';
import { who } from './who.ts';

// An unset NO_COLOR and an empty one are the same (no-color.org); Node 20 and 22 tell them apart.
if (process.env.NO_COLOR === '') delete process.env.NO_COLOR;

const { version } = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8'));

const program = new Command('exactbind')
  .description('Shows who holds a port, why, and for how long.')
  .version(version, '-v, --version');

const completion = completionOf(new Command('completion'));
const commands = [inspect, who, killCommand, wait, next, runCommand, doctor, matrix, build, completion];
for (const command of commands) program.addCommand(command);
program.addCommand(matrixParty, { hidden: true });
for (const command of [program, ...program.commands]) {
  const name = command === program ? 'exactbind' : `exactbind ${command.name()}`;
  command
    .showHelpAfterError(`Usage: ${name} ${command.usage()}\nSee ${name} --help.`)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'exactbind: ')) });
}

// Left to Node the exit code would be 1, which is an answer: the port is taken, or the matrix is not as predicted.
function fail(error: unknown): void {
  process.stderr.write(`exactbind: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = EXIT.unknown;
}

for (const stream of [process.stdout, process.stderr]) {
  // Whoever read has read enough (| head): the exit code stands.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') fail(error);
  });
}

program.parseAsync().catch((error: unknown) => {
  // Commander has printed its own errors, and the help that was asked for.
  if (!(error instanceof CommanderError)) fail(error);
  else if (error.exitCode !== 0) process.exitCode = EXIT.usage;
});
