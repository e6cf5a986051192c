// A cluster hands over: the primary gives its socket to the next one, the workers of both serve, and no request fails.
// @module-tag node
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startLoad } from '../fixtures/handover/load.ts';
import { ask, folder, root, startNode } from '../fixtures/handover/recipe.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

const [, recipe = ''] =
  /^## In a cluster\n(?:(?!^## )[\s\S])*?```js\n([\s\S]*?)```/m.exec(
    readFileSync(join(root, 'docs/restart.md'), 'utf8'),
  ) ?? [];

/** The program of docs/restart.md, whose workers answer with the pid of their primary and their own. */
function program(port: number): string {
  return recipe.replaceAll('3000', String(port)).replaceAll("end('hello')", 'end([process.ppid, process.pid].join())');
}

function start(code: string, cwd: string): ChildProcess {
  // cluster.fork() starts a file again.
  const file = join(cwd, 'server.mjs');
  writeFileSync(file, code);
  return startNode([file], { cwd });
}

/** The primary of whoever answers. */
const primaryAt = async (port: number) => Number((await ask(port)).split(',')[0]);

describeOn('linux', 'darwin')('a cluster', () => {
  it.each([
    ['kept connections', true],
    ['a connection for each request', false],
  ])(
    'hands over from generation to generation, and loses nothing of %s',
    { timeout: 120_000 },
    async (_, keepAlive) => {
      const port = ownPort();
      const cwd = folder();
      let running = start(program(port), cwd);
      await expect.poll(() => primaryAt(port).catch(() => 0)).toBe(running.pid);
      const seen = startLoad({ kind: 'http', port, keepAlive, pauses: [0, 5, 60] });
      await seen.answers(200);
      const primaries = [running.pid];
      for (let generation = 0; generation < 2; generation++) {
        const ended = once(running, 'exit');
        const next = start(program(port), cwd);
        expect(await ended).toEqual([0, null]);
        await seen.answers(200);
        running = next;
        primaries.push(running.pid);
      }
      await seen.stop();
      expect(seen.failed).toEqual({});
      const answered = [...seen.instances].map((text) => text.split(',').map(Number) as [number, number]);
      expect(new Set(answered.map(([primary]) => primary))).toEqual(new Set(primaries));
      // It is workers that answer, and several of each.
      for (const pid of primaries) {
        const workers = answered.filter(([primary]) => primary === pid).map(([, worker]) => worker);
        expect(workers).not.toContain(pid);
        expect(new Set(workers).size).toBeGreaterThan(1);
      }
    },
  );
});
