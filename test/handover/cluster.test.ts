// A cluster hands over: the primary gives its socket to the next one, the workers of both serve, and no request fails.
// @module-tag node
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startLoad } from '../fixtures/handover/load.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [, recipe = ''] =
  /^## In a cluster\n(?:(?!^## )[\s\S])*?```js\n([\s\S]*?)```/m.exec(
    readFileSync(join(root, 'docs/restart.md'), 'utf8'),
  ) ?? [];

/** The program of docs/restart.md, whose workers answer with the pid of their primary and their own. */
function program(port: number): string {
  return recipe.replaceAll('3000', String(port)).replaceAll("end('hello')", 'end([process.ppid, process.pid].join())');
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'cluster-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  chmodSync(made, 0o700);
  mkdirSync(join(made, 'run'), { mode: 0o700 });
  mkdirSync(join(made, 'node_modules'));
  symlinkSync(root, join(made, 'node_modules', 'exactbind'));
  return made;
}

function start(code: string, cwd: string): ChildProcess {
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  // cluster.fork() starts a file again.
  const file = join(cwd, 'server.mjs');
  writeFileSync(file, code);
  const made = spawn(process.execPath, [file], { cwd, stdio: [...stdio] });
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
