// A port on the command line: the argument, the options that go with it, and the question that they ask.
import { type Command, InvalidArgumentError } from 'commander';
import type { PortReport } from '../lib/door.ts';

/** What `aboutPort()` adds to a command. */
export interface PortOptions {
  readonly host?: string;
  readonly udp?: true;
}

function portFrom(word: string): number {
  const port = /^\d+$/.test(word) ? Number(word) : 0;
  if (port < 1 || port > 65535) throw new InvalidArgumentError('A port is a number from 1 to 65535.');
  return port;
}

function hostFrom(word: string): string {
  if (word === '') throw new InvalidArgumentError('The host is empty.');
  return word;
}

/** Adds the argument, its options and the meaning of the exit code. */
export function aboutPort(command: Command): Command {
  return command
    .argument('<port>', '1 to 65535', portFrom)
    .option('--host <address>', 'an address or a name instead of every address of the machine', hostFrom)
    .option('--udp', 'UDP instead of TCP')
    .addHelpText('after', '\nExit codes: 0 free, 1 taken or refused, 2 usage error, 3 unknown.');
}

export async function ask(port: number, { host, udp }: PortOptions): Promise<PortReport> {
  // Not earlier: without a binary the import fails, and --help still helps.
  const { inspectPort } = await import('../lib/door.ts');
  return inspectPort({ port, host, protocol: udp ? 'udp' : 'tcp' });
}
