// exactbind completion: each shell takes its script, and completes what the program has.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../fixtures/cli.ts';
import { needs } from '../fixtures/needs.ts';

const COMMANDS = ['inspect', 'who', 'kill', 'wait', 'next', 'matrix', 'build', 'completion'];

let folder = '';
const fileOf = (shell: string) => join(folder, `exactbind.${shell}`);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'completion-'));
  for (const shell of ['bash', 'zsh', 'fish']) writeFileSync(fileOf(shell), (await cli(['completion', shell])).stdout);
});

function run(file: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync(file, args, { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('the script for bash', () => {
  needs('bash');

  /** What bash offers after these words, the last of which is begun. */
  function offered(...words: string[]): string[] {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const last = words.at(-1);
    const script = `source "${fileOf('bash')}"; COMP_WORDS=(exactbind ${quoted}); COMP_CWORD=${words.length}
      _exactbind exactbind '${last}' x || true; printf '%s\\n' "\${COMPREPLY[@]}"; complete -p exactbind`;
    return run('bash', '--norc', '-uec', script)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('complete '));
  }

  it('completes commands', () => {
    expect(offered('')).toEqual(expect.arrayContaining([...COMMANDS, 'help', '--version']));
    expect(offered('wh')).toEqual(['who']);
    expect(offered('')).not.toContain('matrix-party');
    expect(offered('help', 'k')).toEqual(['kill']);
  });

  it('completes the options of each, and the words of an argument', () => {
    expect(offered('who', '--')).toEqual(['--host', '--udp', '--json', '--pid', '--help']);
    expect(offered('kill', '--f')).toEqual(['--force']);
    expect(offered('completion', 'f')).toEqual(['fish']);
    expect(offered('nothing', '')).toEqual([]);
  });
});

describe('the script for zsh', () => {
  it('is one that zsh takes, with every command', () => {
    needs('zsh');
    const script = `autoload -U compinit; compinit -D; source "${fileOf('zsh')}"; print $_comps[exactbind]`;
    expect(run('zsh', '-fec', script)).toBe('_exactbind\n');
  });

  it('quotes what the shell would take for its own', async () => {
    const { stdout } = await cli(['completion', 'zsh']);
    for (const command of COMMANDS) expect(stdout).toContain(`    ${command}) _arguments `);
    expect(stdout.split("'").length % 2).toBe(1);
  });
});

describe('the script for fish', () => {
  it('is one that fish takes, and completes by', () => {
    needs('fish');
    const complete = (line: string) =>
      run('fish', '--no-config', '-c', `source "${fileOf('fish')}"; complete -C "${line}"`)
        .split('\n')
        .map((one) => one.split('\t')[0]);
    expect(complete('exactbind ')).toEqual(expect.arrayContaining(COMMANDS));
    expect(complete('exactbind kill --')).toEqual(expect.arrayContaining(['--force', '--yes']));
    expect(complete('exactbind completion ')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  });
});
