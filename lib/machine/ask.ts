// Asks a program that belongs to the system, by its full path, for what no file and no call of Node's tells.
import { execFile } from 'node:child_process';

// Doctor is to answer at once; what does not come is said to be unknown.
const PATIENCE = 3000;

/** What it printed; empty where it is not there, fails, or takes too long. */
export function ask(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE, windowsHide: true, encoding: 'utf8' } as const;
    execFile(file, args, options, (error, stdout) => resolve(error === null ? stdout : ''));
  });
}
