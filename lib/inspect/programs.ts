// Whether two processes run the same program: the same executable and the same script, as the same user.
import { readFileSync, realpathSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { ProcessRow } from '../addon.ts';
import { system } from '../platform.ts';

// What /proc adds to the path of an executable that was replaced while it runs: it is the same program still.
const DELETED = / \(deleted\)$/;

/** The file of a process, also where it was replaced since. */
export function executableOf({ executable }: ProcessRow): string | undefined {
  return executable?.replace(DELETED, '');
}

function samePath(one: string, other: string): boolean {
  return system === 'windows' ? one.toLowerCase() === other.toLowerCase() : one === other;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

// Beyond these there are no options of a runtime, but somebody who wants to be asked about for long.
const MOST_WORDS = 64;

/** What may be the script among the arguments of a runtime: values of its options, and the first that is neither. */
function scriptsAmong(args: readonly string[]): string[] {
  const found: string[] = [];
  for (const [index, arg] of args.slice(0, MOST_WORDS).entries()) {
    if (arg.startsWith('-')) continue;
    found.push(arg);
    const before = args[index - 1];
    const mayBeValue = before?.startsWith('-') && !before.includes('=');
    if (!mayBeValue) break;
  }
  return found;
}

// A title that a process has given itself stands where its arguments were; it is one word, or begins like no runtime.
function isTitle([first = '', ...others]: readonly string[], executable: string): boolean {
  return others.length === 0 || basename(first).replace(/\.exe$/i, '') !== basename(executable).replace(/\.exe$/i, '');
}

let own: readonly string[] | undefined;

/** As the system has it, which a wrapper cannot rewrite as it does `process.argv`. */
function ownArguments(): readonly string[] {
  if (own !== undefined) return own;
  own = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  try {
    const told = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1);
    if (!isTitle(told, process.execPath)) own = told;
  } catch {
    // Not Linux.
  }
  return own;
}

function compareScripts({ arguments: args, directory }: ProcessRow, executable: string, script: string) {
  if (args === undefined || directory === undefined || isTitle(args, executable)) return null;
  const pathOf = (arg: string) => realPath(resolve(directory, arg));
  const theirs = scriptsAmong(args.slice(1)).map(pathOf);
  if (theirs.includes(script)) return true;
  const ours = scriptsAmong(ownArguments().slice(1)).map((arg) => realPath(resolve(arg)));
  if (ours.includes(script)) return false;
  // A wrapper runs us (ts-node, pm2), and may run them: the script comes after it, or in no argument at all.
  const isSameWrapper = theirs.some((path) => ours.includes(path));
  const runs = args.slice(1, 1 + MOST_WORDS).some((arg) => !arg.startsWith('-') && pathOf(arg) === script);
  return isSameWrapper && runs ? true : null;
}

// A process that has a hundred sockets is asked about once.
const answers = new WeakMap<ProcessRow, boolean | null>();

/** Null where it cannot be seen, or its command line does not tell: a title, a wrapper. */
export function isSameProgram(process_: ProcessRow | undefined): boolean | null {
  if (process_ === undefined) return null;
  const known = answers.get(process_);
  if (known !== undefined) return known;
  const answer = compare(process_);
  answers.set(process_, answer);
  return answer;
}

function compare(row: ProcessRow): boolean | null {
  if (row.pid === process.pid) return true;
  // Anybody can imitate a command line, but not as another user.
  if (row.uid !== undefined && row.uid !== process.geteuid?.()) return false;
  const executable = executableOf(row);
  if (executable === undefined || (row.uid === undefined && system !== 'windows')) return null;
  if (!samePath(executable, process.execPath)) return false;
  const script = process.argv[1];
  return script === undefined ? false : compareScripts(row, executable, realPath(script));
}
