// exactbind wait: sleeps until somebody listens on a port, or until it is free.
import { Command } from 'commander';
import { EXIT } from './exit.ts';
import { type Asked, aboutPorts, askedIn, type PortOptions } from './ports.ts';
import { TIME, timeFrom } from './timeout.ts';

interface Options extends PortOptions {
  readonly free?: true;
  readonly timeout?: number;
}

/** What there was to say instead, when the time is up; undefined once it is as asked. */
async function outcome(asked: Asked, { free, timeout }: Options): Promise<string | undefined> {
  const { waitForPort } = await import('../lib/door.ts');
  try {
    await waitForPort(asked, { until: free ? 'free' : 'listening', ...(timeout !== undefined && { timeout }) });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') throw error;
    return (error as Error).message;
  }
}

export const wait = aboutPorts(
  new Command('wait'),
  '\nExit codes: 0 as asked, 1 not in time, 2 usage error, 3 unknown.',
)
  .summary('wait until somebody listens on a port, or until it is free')
  .description(
    'Waits until somebody listens on a port, or with --free until it is free; with several ports, on all of them.',
  )
  .option('--free', 'wait until the port is free instead')
  .option('--timeout <time>', `the longest wait: ${TIME}`, timeFrom)
  .action(async (words: string[], options: Options, command: Command) => {
    const asked = askedIn(command, words, options);
    const outcomes = await Promise.all(asked.map((one) => outcome(one, options)));
    const failed = outcomes.filter((one) => one !== undefined);
    for (const message of failed) process.stderr.write(`exactbind: ${message}\n`);
    process.exitCode = failed.length === 0 ? EXIT.yes : EXIT.no;
  });
