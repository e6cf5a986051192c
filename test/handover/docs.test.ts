// The recipes of docs/restart.md run as they stand there: twice each, and the second instance takes over from the first.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ask, folder, root, startNode } from '../fixtures/handover/recipe.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

const page = readFileSync(join(root, 'docs/restart.md'), 'utf8');
const recipes = [...page.matchAll(/^## (.*)\n(?:(?!^## )[\s\S])*?```js\n([\s\S]*?)```/gm)].map(
  ([, title = '', code = '']) => ({
    title: title.replaceAll('`', ''),
    code,
  }),
);

function start(code: string, cwd: string): ChildProcess {
  const env = { ...process.env, XDG_RUNTIME_DIR: join(cwd, 'run'), RUNTIME_DIRECTORY: '' };
  return startNode(['--input-type=module', '-e', code], { cwd, env });
}

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
