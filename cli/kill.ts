// exactbind kill: ends the processes that hold a port, and nobody else, and waits until it is free.
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import type { PortReport } from '../lib/door.ts';
import { type Ending, end } from './ending.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { type Asked, ask, askedIn, type PortOptions, withAddress } from './ports.ts';
import { holdersOf, othersUsers, refusalsOf, supervisorOf, type Target, targetsOf } from './targets.ts';
import { fitted } from './terminal.ts';
import { seconds, TIME, timeFrom } from './timeout.ts';
import { ownerLine } from './who.ts';

type Door = typeof import('../lib/door.ts');

interface Options extends PortOptions {
  readonly yes?: true;
  readonly force?: true;
  readonly user?: string;
  readonly timeout: number;
}

const say = (text: string) => void process.stdout.write(`${text}\n`);
const warn = (text: string) => void process.stderr.write(`exactbind: ${text}\n`);

const TEN_SECONDS = 10_000;

// Milliseconds in which whoever starts a server again has mostly done so.
const AGAIN = { likely: 3000, unlikely: 250 } as const;

/** Why nobody is ended, and the exit code that says it; undefined where they may be. */
function objection(targets: readonly Target[], { force, user }: Options, door: Door): [string[], number] | undefined {
  const refusals = refusalsOf(targets, door);
  if (refusals.length > 0) return [refusals, EXIT.no];
  const [other, ...others] = othersUsers(targets);
  if (others.length > 0) return [[`the processes are of several users: ${[other, ...others].join(', ')}`], EXIT.no];
  if (other !== undefined && other !== user) {
    return [[`another user's process: --user ${door.printable(other)} allows it`], EXIT.usage];
  }
  if (process.platform === 'win32' && !force) {
    return [['Windows cannot ask a process to end: --force ends it at once'], EXIT.usage];
  }
  return undefined;
}

/** What --yes or a person says; undefined where nobody can be asked. */
async function isAgreed(count: number, { yes }: Options): Promise<boolean | undefined> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // Control-D and control-C answer no.
  const closed = new Promise<string>((resolve) => prompt.once('close', () => resolve('')));
  const answer = await Promise.race([
    prompt.question(`End ${count === 1 ? 'this process' : `these ${count} processes`}? [y/N] `),
    closed,
  ]);
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Whom nobody can be found behind. */
function nobody(report: PortReport, door: Door): number {
  const { host, port, verdict, reason } = report;
  const code = exitCodeOf(report);
  const unseen = holdersOf(report);
  if (code === EXIT.yes) say(`${door.endpoint(host, port)} is free`);
  else if (unseen.length > 0)
    warn(`${unseen.map((one) => door.whoHolds(one)).join('; ')}: run it as that user, or as root`);
  else if (verdict === 'leftovers' || verdict === 'outgoing')
    warn('no process listens, and connections are never ended');
  else warn(reason ?? `${door.endpoint(host, port)}: ${verdict}`);
  return code;
}

/** Looks whether the port is taken again, by whom, and started by whom. */
async function takenAgain(asked: Asked, supervisors: readonly string[], door: Door): Promise<string[] | undefined> {
  const timeout = supervisors.length > 0 ? AGAIN.likely : AGAIN.unlikely;
  try {
    const report = await door.waitForPort(asked, { until: 'listening', timeout });
    const lines = targetsOf(report, door).map((one) => ownerLine(one, door));
    return [`${door.endpoint(report.host, report.port)} is taken again`, ...lines];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ETIMEDOUT') return undefined;
    throw error;
  }
}

/** What an ending that is none means. */
function wordsOf(ending: Exclude<Ending, 'freed'>, { timeout, force }: Options): string {
  if (ending === 'changed') return 'other processes hold the port by now: run it again';
  if (ending === 'held') {
    const more = force || process.platform === 'win32' ? '' : '; --force ends it without asking';
    return `still held after ${seconds(timeout)}${more}`;
  }
  const { refused, pid } = ending;
  return refused === 'EPERM' ? `this user may not end pid ${pid}: nobody was ended` : `pid ${pid}: ${refused}`;
}

async function kill(asked: Asked, options: Options): Promise<number> {
  const door = await import('../lib/door.ts');
  const report = await ask(asked);
  const targets = targetsOf(report, door);
  if (targets.length === 0) return nobody(report, door);
  for (const target of targets) say(fitted(ownerLine(target, door)));
  const unseen = holdersOf(report).filter(({ pid }) => pid === undefined);
  if (unseen.length > 0) {
    warn(
      `${unseen.map((one) => door.whoHolds(one)).join('; ')}: it ends all of them or none: run it as that user, or as root`,
    );
    return EXIT.no;
  }
  const found = objection(targets, options, door);
  if (found !== undefined) {
    for (const line of found[0]) warn(line);
    return found[1];
  }
  const supervisors = [...new Set(targets.flatMap((target) => supervisorOf(target, door) ?? []))];
  for (const line of supervisors) warn(line);
  const agreed = await isAgreed(targets.length, options);
  if (agreed === undefined) warn('no terminal to ask in: pass --yes');
  if (!agreed) return agreed === undefined ? EXIT.usage : EXIT.no;
  const { timeout, force = false } = options;
  const ending = await end({ asked, targets, timeout, force }, door);
  if (ending !== 'freed') {
    warn(wordsOf(ending, options));
    return EXIT.no;
  }
  const again = await takenAgain(asked, supervisors, door);
  if (again === undefined) say(`${door.endpoint(report.host, report.port)} is free`);
  else for (const line of again) warn(line);
  return again === undefined ? EXIT.yes : EXIT.no;
}

export const killCommand = withAddress(
  new Command('kill').argument('<port>', '3000, http, localhost:3000 or [::1]:3000'),
)
  .summary('end the processes that hold a port, and no others')
  .description(
    'Ends the processes that hold a port, all or none of them, and waits until it is free. It asks first, and never ends ' +
      'clients, its own ancestors, or a process that holds the port for others (systemd, docker, pm2).',
  )
  .option('--yes', 'do not ask')
  .option('--user <name>', 'allow it to end processes of this other user')
  .option('--timeout <time>', `how long to wait until the port is free: ${TIME}`, timeFrom, TEN_SECONDS)
  .option('--force', 'then end them by SIGKILL; on Windows, at once')
  .addHelpText('after', '\nExit codes: 0 free, 1 still held, 2 usage error, 3 unknown.')
  .action(async (word: string, options: Options, command: Command) => {
    const [asked, ...others] = askedIn(command, [word], options);
    if (asked === undefined || others.length > 0) return command.error('error: kill takes one port at a time');
    process.exitCode = await kill(asked, options);
  });
