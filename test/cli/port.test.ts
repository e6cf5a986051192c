// exactbind inspect and who: a port that is free, taken, left over, hidden, privileged, and their exit codes.
import { readFileSync } from 'node:fs';
import { inspectPort } from 'exactbind';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { OpenCommand } from '../fixtures/actor.ts';
import { actor, cli, held, LOCAL, said } from '../fixtures/cli.ts';
import { AS_NOBODY, hold } from '../fixtures/inspect/processes.ts';
import { endScenes, timeWait } from '../fixtures/inspect/scenes.ts';
import { needs } from '../fixtures/needs.ts';
import { NodeActor } from '../fixtures/node-actor.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

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
    onTestFinished(end);
    const found = await cli(['inspect', port]);
    // It was bound with SO_REUSEADDR, and so can be bound over.
    expect(found).toMatchObject({ code: 0 });
    expect(found.stdout).toMatch(/ {2}free, over an outgoing connection from it\nbindable: exclusive yes, /);
    expect(found.stdout).toMatch(new RegExp(`\nESTABLISHED +127\\.0\\.0\\.1:${port} +127\\.0\\.0\\.1:\\d+ +${pid} `));
  });

  it.each<[options: OpenCommand['options'], words: string, code: number]>([
    [[], 'taken: by connections of an earlier listener', 1],
    [['SO_REUSEADDR'], 'free, over leftovers of an earlier listener', 0],
  ])(
    'of an earlier listener with %j is told without a process, and with the time left',
    async (options, words, code) => {
      const port = ownPort();
      onTestFinished(async () => void (await endScenes()));
      await timeWait(options)(port);
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
    onTestFinished(end);
    const { stdout } = await cli(['inspect', port]);
    expect(stdout).toMatch(/ \\x1b\[2J\\x0afree\\x9b1m\\u\{202e\}\n$/);
    expect(stdout.split('\n')).toHaveLength(5);
  });
});
