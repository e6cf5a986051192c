// Ports on the command line: what a word means, the options that go with them, and the questions that they ask.
import { type Command, InvalidArgumentError } from 'commander';
import type { PortReport } from '../lib/door.ts';
import { portOfService } from './services.ts';

/** What `aboutPorts()` adds to a command. */
export interface PortOptions {
  readonly host?: string;
  readonly udp?: true;
}

/** One port, perhaps of one address. */
export interface Asked {
  readonly port: number;
  readonly host: string | undefined;
  readonly protocol: 'tcp' | 'udp';
}

const WORDS = 'A port is a number from 1 to 65535, a range (8000-8010), the name of a service (http) or HOST:PORT.';

function numberFrom(word: string): number {
  const port = /^\d+$/.test(word) ? Number(word) : 0;
  if (port < 1 || port > 65535) throw new InvalidArgumentError(WORDS);
  return port;
}

/** A host without the brackets that an IPv6 address has beside a port; undefined for every address. */
function bareHost(word: string): string | undefined {
  const host = /^\[(.+)\]$/.exec(word)?.[1] ?? word;
  return host === '*' ? undefined : host;
}

export function hostFrom(word: string): string {
  if (word === '' || word === '[]') throw new InvalidArgumentError('The host is empty.');
  return bareHost(word) ?? '::';
}

function serviceFrom(word: string, protocol: Asked['protocol']): number {
  if (!/[a-z]/i.test(word) || !/^[a-z0-9][a-z0-9+._-]*$/i.test(word)) throw new InvalidArgumentError(WORDS);
  const port = portOfService(word, protocol);
  if (port !== undefined) return port;
  const other = protocol === 'tcp' && portOfService(word, 'udp') !== undefined;
  throw new InvalidArgumentError(
    other ? `The service ${word} is a UDP service: add --udp.` : `${WORDS} This system has no service of that name.`,
  );
}

/** The ports that a word names: one, a range, a service. */
function portsIn(word: string, protocol: Asked['protocol']): number[] {
  if (/^\d+$/.test(word)) return [numberFrom(word)];
  const [, from, to] = /^(\d+)-(\d+)$/.exec(word) ?? [];
  if (from === undefined || to === undefined) return [serviceFrom(word, protocol)];
  const [first, last] = [numberFrom(from), numberFrom(to)];
  if (last < first) throw new InvalidArgumentError(`A range starts with the lower port: ${last}-${first}.`);
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** What is asked by one word: `3000`, `8000-8010`, `http`, `[::1]:3000`, `localhost:3000`. */
export function askedBy(word: string, { host, udp }: PortOptions): Asked[] {
  const protocol = udp ? 'udp' : 'tcp';
  const [, before, after] = /^(\[[^[\]]+\]|[^:[\]]+|\*):([^:]+)$/.exec(word) ?? [];
  const where = before === undefined ? host : bareHost(before);
  return portsIn(after ?? word, protocol).map((port) => ({ port, host: where, protocol }));
}

/** Reads each word, and fails as commander does where one means no port. */
export function askedIn(command: Command, words: readonly string[], options: PortOptions): Asked[] {
  return words.flatMap((word) => {
    try {
      return askedBy(word, options);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      return command.error(`error: command-argument value '${word}' is invalid for argument 'port'. ${error.message}`);
    }
  });
}

/** Adds the options that say which address is meant. */
export function withAddress(command: Command): Command {
  return command
    .option('--host <address>', 'an address or a name instead of every address of the machine', hostFrom)
    .option('--udp', 'UDP instead of TCP');
}

const EXIT_CODES =
  '\nExit codes: 0 free, 1 taken or refused, 2 usage error, 3 unknown.\nOf several ports, the highest.';

/** Adds the ports, the options that go with them and the meaning of the exit code. */
export function aboutPorts(command: Command, exitCodes = EXIT_CODES): Command {
  const described = command.argument('<port...>', '3000, 8000-8010, http, localhost:3000 or [::1]:3000');
  return withAddress(described).addHelpText('after', exitCodes);
}

export async function ask(asked: Asked): Promise<PortReport> {
  // Not earlier: without a binary the import fails, and --help still helps.
  const { inspectPort } = await import('../lib/door.ts');
  return inspectPort(asked);
}

/** Asks about each, in their order; those that follow wait no longer than they must. */
export async function* askEach(all: readonly Asked[]): AsyncGenerator<PortReport> {
  const coming: Promise<PortReport>[] = [];
  for (const [at, asked] of all.entries()) {
    coming[at] ??= ask(asked);
    // A look takes a thread: two of them keep this one busy.
    const next = all[at + 1];
    if (next !== undefined) coming[at + 1] ??= ask(next);
    coming[at + 1]?.catch(() => {});
    yield (await coming[at]) as PortReport;
    delete coming[at];
  }
}
