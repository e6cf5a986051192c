// A port on the command line: the question that is asked about it, and the exit code that answers.
import type { PortReport } from '../index.ts';
import { EXIT, UsageError } from './command.ts';

/** For parseArgs(). */
export const QUESTION = { host: { type: 'string' }, udp: { type: 'boolean' } } as const;

export const QUESTION_HELP = `  --host H  on this address or name; without it, on every address of the machine
  --udp     UDP instead of TCP`;

export const EXIT_HELP =
  'Exit code: 0 free, 1 taken or refused, 2 wrong usage, 3 unknown. Nothing is killed, and no connection made.';

interface Asked {
  readonly host?: string;
  readonly udp?: boolean;
}

function portOf(words: readonly string[]): number {
  const [word, ...others] = words;
  if (word === undefined) throw new UsageError('a port is missing');
  if (others.length > 0) throw new UsageError(`one port, and not '${words.join(' ')}'`);
  const port = /^\d+$/.test(word) ? Number(word) : 0;
  if (port < 1 || port > 65535) throw new UsageError(`a port is 1 to 65535, and not '${word}'`);
  return port;
}

export async function ask(words: readonly string[], { host, udp = false }: Asked): Promise<PortReport> {
  const port = portOf(words);
  if (host === '') throw new UsageError('the host is empty');
  // Not earlier: where there is no binary, the import fails, and --help still helps.
  const { inspectPort } = await import('../index.ts');
  return inspectPort({ port, host, protocol: udp ? 'udp' : 'tcp' });
}

export function exitCodeOf({ verdict }: PortReport): number {
  if (verdict === 'free') return EXIT.FREE;
  return verdict === 'unknown' ? EXIT.UNKNOWN : EXIT.TAKEN;
}
