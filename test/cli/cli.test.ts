// The command line as scripts and people meet it: exit codes, output, and terminals.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { BoundSocket, inspectPort } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { Actor, type OpenCommand } from '../fixtures/actor.ts';
import { AS_NOBODY, hold } from '../fixtures/inspect/processes.ts';
import { needs } from '../fixtures/needs.ts';
import { NodeActor } from '../fixtures/node-actor.ts';
import { ownPort } from '../fixtures/ports.ts';
import { readableNode, readablePackage } from '../fixtures/readable.ts';
import { type Ended, runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';
import { statesOn } from '../fixtures/tcp-states.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { version, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const command = join(root, bin.exactbind);

const LOCAL = '127.0.0.1';
const ESC = '\u001b';

// Whatever the test runner is told about colours. In what calls itself CI, Node sees none of a terminal's.
const PLAIN = { CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: 'xterm' };

function cli(words: readonly (string | number)[], before: readonly string[] = [], env = {}): Promise<Ended> {
  // Another user may not be able to read the clone.
  const program =
    before === AS_NOBODY ? [readableNode(), join(readablePackage(), bin.exactbind)] : [process.execPath, command];
  const [file = '', ...args] = [...before, ...program, ...words.map(String)];
  return runCommand(file, args, { ...PLAIN, ...env });
}

const wrongPort = (word: string) => `command-argument value '${word}' is invalid for argument 'port'. A port is`;

const said = (code: number, stdout = '', stderr = ''): Ended => ({ code, stdout, stderr });

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

/** A listener, or UDP socket, of this process. */
function held(protocol: 'tcp' | 'udp' = 'tcp'): number {
  const bound = new BoundSocket({ port: ownPort(), host: LOCAL, protocol });
  endings.push(() => bound.close());
  return bound.address().port;
}

function actor(): Actor {
  const made = new Actor();
  endings.push(() => made.end());
  return made;
}

describe('exactbind', () => {
  it('tells its version, and how it is used', async () => {
    expect(await cli(['--version'])).toEqual(said(0, `${version}\n`));
    for (const words of [['--help'], ['-h'], ['help'], ['inspect', '--help'], ['who', '-h'], ['help', 'matrix']]) {
      const { code, stdout, stderr } = await cli(words);
      expect({ code, stderr }, words.join(' ')).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: exactbind /);
      expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
    }
    expect((await cli(['--help'])).stdout).not.toContain('matrix-party');
  });

  it.each([
    { words: ['kill', '3000'], message: "unknown command 'kill'" },
    { words: ['toString'], message: "unknown command 'toString'" },
    { words: ['inspct', '1'], message: "unknown command 'inspct'\n(Did you mean inspect?)" },
    { words: ['inspect'], message: "missing required argument 'port'" },
    { words: ['who'], message: "missing required argument 'port'" },
    { words: ['inspect', '0'], message: wrongPort('0') },
    { words: ['inspect', '65536'], message: wrongPort('65536') },
    { words: ['who', '0x50'], message: wrongPort('0x50') },
    { words: ['who', 'http'], message: wrongPort('http') },
    { words: ['inspect', '1', '2'], message: "too many arguments for 'inspect'. Expected 1 argument but got 2." },
    { words: ['inspect', '1', '--host', ''], message: "option '--host <address>' argument '' is invalid." },
    { words: ['inspect', '1', '--host'], message: "option '--host <address>' argument missing" },
    { words: ['inspect', '1', '--tcp'], message: "unknown option '--tcp'" },
    { words: ['inspect', '1', '--jsno'], message: "unknown option '--jsno'\n(Did you mean --json?)" },
    { words: ['who', '1', '--json'], message: "unknown option '--json'" },
    { words: ['matrix', '3000'], message: "too many arguments for 'matrix'. Expected 0 arguments but got 1." },
    { words: ['matrix', '--udp'], message: "unknown option '--udp'" },
  ])('refuses $words with its usage', async ({ words, message }) => {
    const { code, stdout, stderr } = await cli(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.startsWith(`exactbind: ${message}`), stderr).toBe(true);
    expect(stderr).toMatch(/\nUsage: exactbind .*\nSee exactbind .*--help\.\n$/);
  });

  it('shows its help as an error where no command is named', async () => {
    expect(await cli([])).toEqual(said(2, '', expect.stringMatching(/^Usage: exactbind /)));
  });

  it('never says free or taken where it cannot know', async () => {
    const port = ownPort();
    const noBinary = { EXACTBIND_PREBUILD: join(root, 'nowhere') };
    for (const name of ['inspect', 'who']) {
      const ended = await cli([name, port], [], noBinary);
      expect(ended).toEqual(said(3, '', expect.stringMatching(/^exactbind: .*prebuilds/s)));
    }
    const elsewhere = ['--host', '192.0.2.1'];
    const reason = 'no interface of this machine has the address 192.0.2.1';
    expect(await cli(['inspect', port, ...elsewhere])).toEqual(
      said(3, expect.stringMatching(`^192\\.0\\.2\\.1:${port} tcp {2}unknown\n(.*\n)*${reason}`)),
    );
    expect(await cli(['who', port, ...elsewhere])).toEqual(said(3, '', expect.stringContaining(reason)));
  });

  it('keeps its exit code and says nothing when the reader has gone', async () => {
    const child = spawn(process.execPath, [command, 'inspect', String(held())], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });

    const wrong = spawn(process.execPath, [command], { stdio: ['ignore', 'ignore', 'pipe'] });
    wrong.stderr.destroy();
    expect(await once(wrong, 'exit')).toEqual([2, null]);
  });
});

describe('a port', () => {
  it('that is free is told with exit code 0', async () => {
    const port = ownPort();
    expect(await cli(['inspect', port])).toEqual(
      said(0, expect.stringMatching(`^\\[::\\]:${port} tcp {2}free\nbindable: exclusive yes, .*\n$`)),
    );
    expect(await cli(['who', port])).toEqual(said(0));
  });

  it('that is taken is told with exit code 1 and the process', async () => {
    const port = held();
    const found = await cli(['inspect', port, '--host', LOCAL]);
    expect(found).toEqual(said(1, expect.stringMatching(`^127\\.0\\.0\\.1:${port} tcp {2}taken: somebody listens\n`)));
    const [, bindable, header, row, ...others] = found.stdout.split('\n');
    expect(bindable).toMatch(/^bindable: exclusive no, /);
    expect(header).toMatch(/^STATE +LOCAL +PID +(USER +)?(CONTAINER +)?COMMAND$/);
    expect(row).toMatch(new RegExp(`^LISTEN +127\\.0\\.0\\.1:${port} +${process.pid} `));
    expect(row?.indexOf(`127.0.0.1:${port}`)).toBe(header?.indexOf('LOCAL'));
    expect(others).toEqual(['']);
    const who = await cli(['who', port]);
    expect(who).toEqual(said(1, expect.stringMatching(`^\\S+ \\(pid ${process.pid}.*\\)\n$`)));
  });

  it('is looked at on every address, or the one of a name', async () => {
    const port = held();
    expect(await cli(['inspect', port])).toMatchObject({ code: 1, stdout: expect.stringMatching(/^\[::\]:/) });
    const { stdout } = await cli(['inspect', port, '--host', 'localhost']);
    expect(stdout).toMatch(/^(127\.0\.0\.1|\[::1\]):/);
  });

  it('of TCP is not one of UDP', async () => {
    const [tcp, udp] = [held('tcp'), held('udp')];
    expect(await cli(['who', tcp, '--udp'])).toEqual(said(0));
    expect(await cli(['who', udp])).toEqual(said(0));
    const found = await cli(['inspect', udp, '--udp']);
    expect(found).toEqual(said(1, expect.stringMatching(`^\\[::\\]:${udp} udp {2}taken: somebody receives\n`)));
  });

  it('is told as JSON as inspectPort() tells it', async () => {
    const other = new NodeActor();
    endings.push(() => other.end());
    const port = ownPort();
    await other.open({ host: LOCAL, port, listen: true });
    const found = await cli(['inspect', port, '--host', LOCAL, '--json']);
    expect(found).toMatchObject({ code: 1, stderr: '' });
    const report = await inspectPort({ port, host: LOCAL });
    expect(report.holders).toMatchObject([{ pid: other.process.pid }]);
    expect(JSON.parse(found.stdout)).toEqual(report);
  });
});

describeOn('linux')('a port on Linux', () => {
  it('is free on one address though it is taken on another', async () => {
    const port = held();
    expect(await cli(['who', port, '--host', '127.0.0.2'])).toEqual(said(0));
    expect(await cli(['who', port, '--host', LOCAL])).toMatchObject({ code: 1 });
  });

  it('of another program is told with its command', async () => {
    const [other, port] = [actor(), ownPort()];
    await other.open({ host: '0.0.0.0', port, listen: true });
    const { pid } = other.process;
    const { stdout } = await cli(['inspect', port]);
    expect(stdout).toMatch(new RegExp(`\nLISTEN +0\\.0\\.0\\.0:${port} +${pid} .*python3? .*actor\\.py\n$`));
    expect((await cli(['who', port])).stdout).toMatch(new RegExp(`^python\\S* \\(pid ${pid}, .*\\)\n$`));
  });

  it('of a SO_REUSEPORT group is told with every member, each process once', async () => {
    const [first, second, port] = [actor(), actor(), ownPort()];
    for (const member of [first, first, second]) {
      await member.open({ host: LOCAL, port, options: ['SO_REUSEPORT'], listen: true });
    }
    const who = await cli(['who', port]);
    const pids = [...who.stdout.matchAll(/^\S+ \(pid (\d+)/gm)].map(([, pid]) => Number(pid));
    expect(new Set(pids)).toEqual(new Set([first.process.pid, second.process.pid]));
    expect(who.stdout.split('\n')).toHaveLength(3);
    expect((await cli(['inspect', port])).stdout.match(/^LISTEN /gm)).toHaveLength(3);
  });

  it('that is the local one of a connection is told with the other end', async () => {
    const port = ownPort();
    const { pid, end } = await hold('client', port);
    endings.push(end);
    const found = await cli(['inspect', port]);
    // It was bound with SO_REUSEADDR, and so can be bound over.
    expect(found).toMatchObject({ code: 0 });
    expect(found.stdout).toMatch(/ {2}free, over an outgoing connection from it\nbindable: exclusive yes, /);
    expect(found.stdout).toMatch(new RegExp(`\nESTABLISHED +127\\.0\\.0\\.1:${port} +127\\.0\\.0\\.1:\\d+ +${pid} `));
  });

  it.each<[options: OpenCommand['options'], words: string, code: number]>([
    [[], 'taken: connections of an earlier listener are left', 1],
    [['SO_REUSEADDR'], 'free, over leftovers of an earlier listener', 0],
  ])(
    'of an earlier listener with %j is told without a process, and with the time left',
    async (options, words, code) => {
      const [server, client, port] = [actor(), actor(), ownPort()];
      const { id: listener = -1 } = await server.open({ host: LOCAL, port, listen: true, options: options ?? [] });
      const { id: connection = -1 } = await client.connect({ host: LOCAL, port });
      const { id: accepted = -1 } = await server.accept(listener);
      await server.close(accepted);
      await client.close(connection);
      await server.close(listener);
      await expect.poll(() => statesOn(port)).toEqual(['TIME_WAIT']);
      const found = await cli(['inspect', port]);
      expect(found.code).toBe(code);
      expect(found.stdout).toMatch(new RegExp(` {2}${words}, for \\d+\\.\\d s\n`));
      expect(found.stdout).toMatch(/\nSTATE +LOCAL +REMOTE +LEFT\nTIME_WAIT .* \d+\.\d s\n$/);
      expect(await cli(['who', port])).toEqual(said(code, 'no process\n'));
    },
  );

  it('of somebody this user cannot see is told with what can be known', async () => {
    needs('another user', 'util-linux');
    const port = held();
    const who = await cli(['who', port], AS_NOBODY);
    expect(who).toEqual(said(1, expect.stringMatching(/^uid 0; pid hidden from this user.*\n$/)));
    const { stdout } = await cli(['inspect', port], AS_NOBODY);
    expect(stdout).toMatch(/\nSTATE +LOCAL +USER +(CONTAINER +)?NOTE\nLISTEN .* root .*pid hidden from this user\n$/);
  });

  it('below the privileged limit is told with exit code 1 and the remedy', async () => {
    needs('another user', 'util-linux', 'a privileged port');
    const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'));
    const found = await cli(['inspect', first - 1], AS_NOBODY);
    const expected = /tcp {2}refused: a privileged port\nbindable: .*\nports below \d+ need CAP_NET_BIND_SERVICE/;
    expect(found).toEqual(said(1, expect.stringMatching(expected)));
  });

  it('of a process with control characters in its arguments drives no terminal', async () => {
    const port = ownPort();
    const withThem = 'import os, sys; os.execvp(sys.argv[1], sys.argv[1:] + ["\\x1b[2J\\nfree\\x9b1m\\u202e"])';
    const { end } = await hold('listener', port, ['python3', '-c', withThem]);
    endings.push(end);
    const { stdout } = await cli(['inspect', port]);
    expect(stdout).toMatch(/ \\x1b\[2J\\x0afree\\x9b1m\\u\{202e\}\n$/);
    expect(stdout.split('\n')).toHaveLength(5);
  });
});

/** A terminal of so many columns, whose output is the command's. */
const inTerminal = (columns: number) => [
  'python3',
  '-c',
  'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))',
  'sh',
  '-c',
  `stty cols ${columns} && exec "$@"`,
  'sh',
];

describeOn('linux')('in a terminal', () => {
  needs('python3', 'coreutils');
  it('there are colours, and nowhere else', async () => {
    const port = held();
    const { code, stdout } = await cli(['inspect', port], inTerminal(200));
    expect(code).toBe(1);
    expect(stdout).toContain(`${ESC}[31mtaken: somebody listens${ESC}[39m`);
    expect((await cli(['inspect', port])).stdout).not.toContain(ESC);
    expect((await cli(['inspect', ownPort()], inTerminal(200))).stdout).toContain(`${ESC}[32mfree${ESC}[39m`);
    expect((await cli(['inspect', port, '--json'], inTerminal(200))).stdout).not.toContain(ESC);
  });

  it.each([
    { env: { NO_COLOR: '1' }, coloured: false },
    { env: { NO_COLOR: '' }, coloured: true },
    { env: { TERM: 'dumb' }, coloured: false },
  ])('$env is honoured', async ({ env, coloured }) => {
    const { code, stdout } = await cli(['inspect', held()], inTerminal(200), env);
    expect(code).toBe(1);
    expect(stdout.includes(ESC)).toBe(coloured);
  });

  it('no line of the table is wider than that', async () => {
    const port = ownPort();
    await actor().open({ host: LOCAL, port, listen: true });
    const { stdout } = await cli(['inspect', port], inTerminal(45), { NO_COLOR: '1' });
    const row = stdout.split('\r\n').find((line) => line.startsWith('LISTEN')) ?? '';
    expect(row).toHaveLength(45);
    expect(row.endsWith('…')).toBe(true);
  });
});
