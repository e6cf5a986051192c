#!/usr/bin/env node
// The command line: finds the command, and turns what goes wrong into a message and an exit code.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildCommand } from './cli/build.ts';
import { type Command, EXIT, UsageError } from './cli/command.ts';
import { inspect } from './cli/inspect.ts';
import { matrix } from './cli/matrix.ts';
import { who } from './cli/who.ts';

const COMMANDS: Readonly<Record<string, Command>> = { inspect, who, matrix, build: buildCommand };
const HELP: readonly string[] = ['--help', '-h'];

// An unset NO_COLOR and an empty one are the same (no-color.org); Node 20 and 22 tell them apart.
if (process.env.NO_COLOR === '') delete process.env.NO_COLOR;

function usage(command: Command | undefined): string {
  const commands = command === undefined ? Object.values(COMMANDS) : [command];
  return `Usage:\n${commands.map(({ synopsis }) => `  exactbind ${synopsis}\n`).join('')}`;
}

function help(command: Command | undefined): string {
  if (command !== undefined) return `${usage(command)}\n${command.summary}\n\n${command.details}\n`;
  const summaries = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}\n`);
  return `${usage(undefined)}  exactbind [<command>] --help\n  exactbind --version\n\n${summaries.join('')}`;
}

function version(): string {
  const manifest = readFileSync(join(__dirname, '../package.json'), 'utf8');
  return `${JSON.parse(manifest).version}\n`;
}

async function run([name = '', ...args]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (HELP.includes(name) || (command !== undefined && args.some((word) => HELP.includes(word)))) {
    process.stdout.write(help(command));
    return EXIT.FREE;
  }
  if (name === '--version') {
    process.stdout.write(version());
    return EXIT.FREE;
  }
  try {
    if (command === undefined) throw new UsageError(name === '' ? 'a command is missing' : `no command '${name}'`);
    return await command.run(args);
  } catch (error) {
    if (!UsageError.is(error)) throw error;
    process.stderr.write(`exactbind: ${error.message}\n${usage(command)}`);
    return EXIT.USAGE;
  }
}

// Left to Node the exit code would be 1, which is an answer: that the port is taken, or the matrix not as predicted.
function fail(error: unknown): void {
  process.stderr.write(`exactbind: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = EXIT.UNKNOWN;
}

for (const stream of [process.stdout, process.stderr]) {
  // Whoever read has read enough (| head): the exit code stands.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') fail(error);
  });
}

run(process.argv.slice(2)).then((code) => {
  process.exitCode ??= code;
}, fail);
