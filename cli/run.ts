// exactbind run: holds addresses, and starts a command again on them without ever closing them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { Command, InvalidArgumentError } from 'commander';
import { type Address, addressFrom, bindAll, type Held, type Path, pathOption } from './run/addresses.ts';
import type { Setting } from './run/instance.ts';
import { type Say, Supervisor } from './run/supervisor.ts';
import { watchFiles } from './run/watch.ts';

interface Options {
  readonly port?: Address[];
  readonly path?: Path[];
  readonly watch?: string[];
  readonly readyAfter?: number;
  readonly readyTimeout: number;
  readonly drainTimeout: number;
  readonly killAfter: number;
  readonly hook: boolean;
  readonly restart: boolean;
}

function milliseconds(word: string): number {
  // What a timer can count.
  if (!/^\d+$/.test(word) || Number(word) >= 2 ** 31)
    throw new InvalidArgumentError('A time is a number of milliseconds.');
  return Number(word);
}

const collect = (word: string, before: string[] = []) => [...before, word];

type Door = typeof import('../lib/door.ts');

/** One line on stderr for each event; stdout is the command's. */
const sayer =
  ({ printable }: Door): Say =>
  (what, format) => {
    const line = `exactbind: ${printable(what)}`;
    process.stderr.write(`${format === undefined ? line : styleText(format, line, { stream: process.stderr })}\n`);
  };

function sayWhat(sockets: readonly Held[], say: Say, { endpoint, shownPath }: Door): void {
  for (const { name, protocol, socket } of sockets) {
    const at = socket.address();
    const where = typeof at === 'string' ? shownPath(at) : endpoint(at.address, at.port);
    say(`holds ${where} ${protocol} as '${name}'`);
  }
}

const PASSED_ON: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGQUIT'];

async function run(command: string[], options: Options): Promise<void> {
  const door = await import('../lib/door.ts');
  if (door.system === 'windows') {
    throw door.notSupported('exactbind run', 'Windows passes no socket to a command by its number', 'spawn');
  }
  const say = sayer(door);
  const sockets = bindAll(options.port ?? [], options.path ?? [], door);
  sayWhat(sockets, say, door);
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-run-'));
  const { hook, restart, watch = [], readyAfter, ...times } = options;
  const setting: Setting = {
    ...times,
    readyAfter,
    command,
    sockets,
    folder,
    hook: hook ? join(__dirname, 'register.cjs') : undefined,
  };
  const supervisor = new Supervisor(setting, { restart, watches: watch.length > 0 }, door, say);
  process.on('SIGHUP', () => supervisor.replace('SIGHUP'));
  for (const signal of PASSED_ON) process.on(signal, () => supervisor.signal(signal));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => supervisor.stop(signal));
  const watcher =
    watch.length === 0 ? undefined : await watchFiles(watch, (path) => supervisor.replace(`${path} has changed`));
  supervisor.start();
  try {
    process.exitCode = await supervisor.finished;
  } finally {
    await watcher?.close();
    for (const { socket } of sockets) socket.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const runCommand = new Command('run')
  .usage('[--port [NAME=][HOST:]PORT | --path [NAME=]PATH]… [options] -- command…')
  .summary('hold ports and Unix sockets, and restart a command on them without closing them')
  .description(
    'Holds ports and Unix sockets, and restarts a command on them without ever closing them: on SIGHUP, when it crashes, and when ' +
      'files change.\n\n' +
      'The command inherits the sockets as LISTEN_FDS, as from systemd. Node needs no change: exactbind/register is loaded into it, ' +
      'and its listen() on one of these addresses gets the socket. The first TCP port is PORT in its environment.\n\n' +
      'The old process serves until the new one is ready: by READY=1 to NOTIFY_SOCKET (sd_notify), which the hook sends once a ' +
      'server listens, or after --ready-after. Then the old one drains, gets SIGTERM, and at last SIGKILL. A new one that is ' +
      'not ready in time is ended, and the old one serves on.',
  )
  .argument('<command...>', 'what to run; write -- before it')
  .option('--port <address>', '[NAME=][HOST:]PORT[/udp], or a range of which the first free one is taken', addressFrom)
  .option('--path <path>', '[NAME=]PATH of a Unix socket; @NAME is an abstract name', pathOption)
  .option('--watch <path>', 'restart when files there change, but for node_modules and .git', collect)
  .option(
    '--ready-after <ms>',
    'for a command that says nothing: it counts as ready then, and loss is possible',
    milliseconds,
  )
  .option('--ready-timeout <ms>', 'how long a new process may take to be ready', milliseconds, 30_000)
  .option('--drain-timeout <ms>', 'how long the old one may take to answer what it has accepted', milliseconds, 30_000)
  .option('--kill-after <ms>', 'from SIGTERM to SIGKILL', milliseconds, 5_000)
  .option('--no-hook', 'do not load exactbind/register into Node')
  .option('--no-restart', 'end with the command when it crashes')
  .addHelpText(
    'after',
    '\nSIGHUP restarts; SIGINT and SIGTERM end it; SIGUSR1, SIGUSR2, SIGQUIT and\nSIGWINCH are passed on.' +
      "\nExit codes: the command's, 128 and the signal's number if one ended it; 2 usage\nerror, 3 an address cannot be had.",
  )
  .action(run);
