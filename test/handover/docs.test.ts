// The recipes of docs/restart.md run as they stand there: twice each, and the second instance takes over from the first.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/restart.md'), 'utf8');
const recipes = [...page.matchAll(/^## (.*)\n(?:(?!^## )[\s\S])*?```js\n([\s\S]*?)```/gm)].map(
  ([, title = '', code = '']) => ({
    title: title.replaceAll('`', ''),
    code,
  }),
);

/** A program's folder, in which the package is installed. */
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'restart-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  chmodSync(made, 0o700);
  mkdirSync(join(made, 'run'), { mode: 0o700 });
  mkdirSync(join(made, 'node_modules'));
  symlinkSync(root, join(made, 'node_modules', 'exactbind'));
  return made;
}

function start(code: string, cwd: string): ChildProcess {
  const env = { ...process.env, XDG_RUNTIME_DIR: join(cwd, 'run'), RUNTIME_DIRECTORY: '' };
  const made = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  onTestFinished(async () => {
    if (made.exitCode !== null || made.signalCode !== null) return;
    const ended = once(made, 'exit');
    made.kill('SIGKILL');
    await ended;
  });
  return made;
}

const ask = (port: number) =>
  new Promise<string>((resolve, reject) => {
    const request = http.get({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.setEncoding('utf8').on('data', resolve);
    });
    request.on('error', reject);
  });

describeOn('linux', 'darwin')('docs/restart.md', () => {
  it('has its recipes', () => {
    expect(recipes.map(({ title }) => title)).toEqual([
      'One line: listenOrTake()',
      'Step by step: offerSockets() and takeSockets()',
      'In a cluster',
    ]);
  });

  it.each(recipes.filter(({ title }) => title !== 'In a cluster'))('$title', async ({ code }) => {
    const port = ownPort();
    const program = code.replaceAll('3000', String(port)).replaceAll("end('hello')", 'end(String(process.pid))');
    const cwd = folder();
    const first = start(program, cwd);
    await expect.poll(() => ask(port).catch(() => 'nobody')).toBe(String(first.pid));
    const ended = once(first, 'exit');
    const second = start(program, cwd);
    expect(await ended).toEqual([0, null]);
    expect(await ask(port)).toBe(String(second.pid));
  });
});
