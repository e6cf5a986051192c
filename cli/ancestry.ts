// The ancestors of a process in a line: zsh → npm → node server.js, for 3 hours.
import { basename } from 'node:path';
import type { HolderProcess } from '../lib/door.ts';

// Whoever runs scripts is called by its script; package managers are scripts that everybody knows by name.
const RUNTIMES = /^(node|nodejs|bun|deno|python[\d.]*|ruby|perl|php|java)$/;
const MANAGERS: readonly (readonly [script: RegExp, name: string])[] = [
  [/^npm(-cli\.js)?$/, 'npm'],
  [/^npx(-cli\.js)?$/, 'npx'],
  [/^pnpm(\.c?js)?$/, 'pnpm'],
  [/^yarn(\.c?js)?$/, 'yarn'],
];

const SHELLS = /^-?(ba|z|da|k|fi|c|tc|a)?sh$|^(pwsh|powershell|cmd)(\.exe)?$/;

// More of a command line nobody reads.
const LONGEST = 60;

const cut = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

const nameOf = ({ name, command, pid }: HolderProcess) => basename(name ?? command?.split(' ')[0] ?? String(pid));

// Options of Node with a value of their own, and those that are the program themselves.
const VALUED = /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions)$/;
const PROGRAM = /^(-e|--eval|-p|--print|-pe|-c|-m)$/;

const isRuntime = (name: string) => RUNTIMES.test(name.replace(/\.exe$/, ''));

/** What a runtime calls itself in place of its command line: `PM2 v7.0.4: God Daemon`. */
function titleOf(process: HolderProcess): string | undefined {
  const { command = '' } = process;
  return isRuntime(nameOf(process)) && command !== '' && !isRuntime(basename(command.split(' ')[0] as string))
    ? command
    : undefined;
}

/** The script of a runtime, and what follows it. */
function scriptOf(process: HolderProcess): string[] | undefined {
  const words = process.command?.split(' ') ?? [];
  if (!isRuntime(nameOf(process)) || titleOf(process) !== undefined) return undefined;
  for (let at = 1; at < words.length; at++) {
    const word = words[at] as string;
    if (PROGRAM.test(word)) return undefined;
    if (VALUED.test(word)) at++;
    else if (!word.startsWith('-')) return [basename(word), ...words.slice(at + 1)];
  }
  return undefined;
}

/** `npm`, which runs a script once; undefined of what is no package manager. */
export function managerOf(process: HolderProcess): string | undefined {
  const script = scriptOf(process)?.[0] ?? '';
  // npm gives itself a title: the command line is "npm run dev".
  const title = process.command?.split(' ')[0] ?? '';
  return MANAGERS.find(([pattern]) => pattern.test(script) || pattern.test(title))?.[1];
}

/** The last of the line, with its arguments. */
function commandOf(process: HolderProcess): string {
  const title = titleOf(process);
  if (title !== undefined) return cut(title);
  const script = scriptOf(process);
  if (script !== undefined) return cut([nameOf(process), ...script].join(' '));
  const [, ...rest] = process.command?.split(' ') ?? [];
  return cut([nameOf(process), ...rest].join(' '));
}

/** One of those before it. */
function shortName(process: HolderProcess): string {
  const script = scriptOf(process)?.[0];
  const own = titleOf(process) ?? nameOf(process);
  return managerOf(process) ?? cut(script === undefined ? own : `${own} ${script}`);
}

/** Whether it is a shell that somebody types into, and not one that runs a command. */
export function isShell(process: HolderProcess): boolean {
  return SHELLS.test(nameOf(process)) && !/ -\w*c\b/.test(process.command ?? '');
}

/** From the shell that somebody typed into, if there is one; without the first process of the system. */
function shown(ancestors: readonly HolderProcess[]): HolderProcess[] {
  const all = ancestors.filter(({ pid }) => pid > 1);
  const shell = all.findIndex(isShell);
  const wanted = shell === -1 ? all : all.slice(0, shell + 1);
  // A shell that only runs the command is no news.
  return wanted.filter((one) => isShell(one) || !SHELLS.test(nameOf(one))).reverse();
}

const UNITS: readonly (readonly [unit: string, milliseconds: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

/** `3 hours`; the largest unit of which there is one. */
export function duration(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, one]) => milliseconds >= one) ?? (['second', 1000] as const);
  const count = Math.max(Math.floor(milliseconds / size), 0);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** A process after its ancestors, and for how long it has run. */
export function ancestryLine([process, ...ancestors]: readonly HolderProcess[], now = Date.now()): string | undefined {
  if (process === undefined) return undefined;
  const chain = [...shown(ancestors).map(shortName), commandOf(process)].join(' → ');
  return process.startedAt === undefined ? chain : `${chain}, for ${duration(now - process.startedAt)}`;
}
