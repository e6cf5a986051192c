// The command as scripts and people meet it: help, usage, exit codes of what it cannot know.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { cli, command, held, root, said, version } from '../fixtures/cli.ts';
import { ownPort } from '../fixtures/ports.ts';

const wrongPort = (word: string) => `command-argument value '${word}' is invalid for argument 'port'. A port is`;

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
    { words: ['end', '3000'], message: "unknown command 'end'" },
    { words: ['toString'], message: "unknown command 'toString'" },
    { words: ['inspct', '1'], message: "unknown command 'inspct'\n(Did you mean inspect?)" },
    { words: ['inspect'], message: "missing required argument 'port'" },
    { words: ['who'], message: "missing required argument 'port'" },
    { words: ['inspect', '0'], message: wrongPort('0') },
    { words: ['inspect', '65536'], message: wrongPort('65536') },
    { words: ['who', '0x50'], message: wrongPort('0x50') },
    { words: ['who', 'no-such-service'], message: "command-argument value 'no-such-service' is invalid" },
    { words: ['inspect', '1', '--host', ''], message: "option '--host <address>' argument '' is invalid." },
    { words: ['inspect', '1', '--host'], message: "option '--host <address>' argument missing" },
    { words: ['inspect', '1', '--tcp'], message: "unknown option '--tcp'" },
    { words: ['inspect', '1', '--jsno'], message: "unknown option '--jsno'\n(Did you mean --json?)" },
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
