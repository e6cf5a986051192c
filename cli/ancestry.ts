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

/** The script of a runtime, and what follows it. */
function scriptOf(process: HolderProcess): string[] | undefined {
  const words = process.command?.split(' ') ?? [];
  if (!RUNTIMES.test(nameOf(process).replace(/\.exe$/, ''))) return undefined;
  const at = words.findIndex((word, index) => index > 0 && !word.startsWith('-'));
  return at === -1 ? undefined : [basename(words[at] as string), ...words.slice(at + 1)];
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
  const script = scriptOf(process);
  if (script !== undefined) return cut([nameOf(process), ...script].join(' '));
  const [, ...rest] = process.command?.split(' ') ?? [];
  return cut([nameOf(process), ...rest].join(' '));
}

/** One of those before it. */
function shortName(process: HolderProcess): string {
  const script = scriptOf(process)?.[0];
  return managerOf(process) ?? cut(script === undefined ? nameOf(process) : `${nameOf(process)} ${script}`);
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
