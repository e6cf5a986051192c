// exactbind next: a port that is free now, and that nobody holds.
import { isIP } from 'node:net';
import { Command } from 'commander';
import { EXIT } from './exit.ts';
import { type Asked, askedIn, type PortOptions, withAddress } from './ports.ts';

const USUAL = '3000-3999';

/** The first that can be bound, which is let go at once. */
async function firstFree(asked: readonly Asked[]): Promise<number> {
  const { BoundSocket, resolveHost } = await import('../lib/door.ts');
  const [{ host: given, protocol }] = asked as [Asked];
  const host = given === undefined || isIP(given) !== 0 ? given : await resolveHost(given);
  const reserved = new BoundSocket({
    ...{ port: asked.map(({ port }) => port), host, protocol },
    ...{ reserve: protocol === 'tcp', acceptPartial: true },
  });
  const { port } = reserved.address();
  reserved.close();
  return port;
}

export const next = withAddress(new Command('next').argument('[ports]', 'a range, or several with commas', USUAL))
  .summary('print a port that is free now')
  .description(
    'Prints the first port of a range that this process can bind now. Nothing holds it: another program can take it.',
  )
  .addHelpText('after', '\nExit codes: 0 found, 1 none is free, 2 usage error, 3 unknown.')
  .action(async (words: string, options: PortOptions, command: Command) => {
    const asked = askedIn(command, words.split(','), options);
    if (asked.some(({ host }) => host !== asked[0]?.host)) command.error('error: all ports must have the same host');
    try {
      const port = await firstFree(asked);
      process.stdout.write(`${port}\n`);
      process.stderr.write(`exactbind: ${port} is not held; "exactbind run --port ${words} -- COMMAND" holds one\n`);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
      process.stderr.write(`exactbind: ${message}\n`);
      process.exitCode = EXIT.no;
    }
  });
