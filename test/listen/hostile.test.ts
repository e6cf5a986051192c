// Hostile bytes: whatever the system answers about sockets and processes, no raw control reaches an error, a report or a terminal.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoundSocket } from 'exactbind';
import { afterAll, describe, expect, it } from 'vitest';
import { holderOf } from '../../lib/inspect/holders.ts';
import type { PortReport, Verdict } from '../../lib/inspect/report.ts';
import { sentenceOf } from '../../lib/inspect/sentence.ts';
import { inspectFixture } from '../fixtures/inspect/processes.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { run, runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

/** `npm run test:hostile` takes a minute of it. */
const SECONDS = Number(process.env.EXACTBIND_HOSTILE_SECONDS ?? 3);
const RAW = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PIECES = [
  '\u001b[2J',
  '\u009b1m',
  '\n',
  '\r',
  '\u0000',
  '\u202e',
  '\u2028',
  '\ud800',
  '\ufeff',
  '\u200b',
  '"',
  "'",
];
const WORDS = ['node', ' (pid 1, user root)', ' listening on *:80; ', '/srv/a b', '-e', '\\', 'é', '日本', '../..', ''];

/** A generator of numbers below another, the same for each seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
}

describe('rows and processes with hostile bytes', () => {
  it(`put no raw control into a report or a sentence, for ${SECONDS} s`, { timeout: SECONDS * 1000 + 60_000 }, () => {
    const seed = Date.now() % 2 ** 31;
    const next = random(seed);
    const text = () => Array.from({ length: next(5) }, () => [...PIECES, ...WORDS][next(22)] ?? '').join('');
    const maybe = <T>(value: T) => (next(3) > 0 ? value : undefined);
    const end = performance.now() + SECONDS * 1000;
    let count = 0;
    do {
      const pids = Array.from({ length: next(4) }, () => next(99_999));
      const processes = pids.map((pid) => ({
        pid,
        name: maybe(text()),
        executable: maybe(text()),
        directory: maybe(text()),
        arguments: maybe(Array.from({ length: next(4) }, text)),
        uid: maybe(next(2000)),
        user: maybe(text()),
        parent: maybe(next(99_999)),
        startedAt: maybe(next(99_999)),
      }));
      const row = {
        ...{ address: '127.0.0.1', family: 4 as const, state: next(20), isOpen: next(4) > 0, count: 1, pids },
        ...{ uid: maybe(next(2000)), user: maybe(text()), cgroup: maybe(`/${text()}`) },
        ...(next(2) === 0 ? { remoteAddress: '127.0.0.1', remotePort: 1 } : {}),
      };
      const list = {
        error: next(3),
        ownersError: next(120),
        areOwnersWhole: true,
        isWhole: true,
        sockets: [],
        processes,
      };
      const report = {
        ...{ port: 1, host: '::', protocol: 'tcp', bindable: { exclusive: null, reuseAddress: null, reusePort: null } },
        verdict: (['listening', 'bound', 'leftovers', 'outgoing', 'free'] satisfies Verdict[])[next(5)] as Verdict,
        holders: [holderOf(row as never, list as never, 1, 'tcp')],
      } satisfies PortReport as PortReport;
      const said = sentenceOf(report);
      expect(said, `seed ${seed}`).not.toMatch(RAW);
      expect(JSON.stringify(report), `seed ${seed}`).not.toMatch(RAW);
      count++;
    } while (performance.now() < end);
    expect(count).toBeGreaterThan(100);
  });
});

describeOn('linux')('a system that answers with hostile bytes', () => {
  it(`ends no process and drives no terminal, for ${SECONDS} s`, {
    timeout: SECONDS * 2000 + 60_000,
  }, async () => {
    needs('gcc');
    const library = join(folder, 'hostile-system.so');
    const flags = ['-shared', '-fPIC', '-o', library, inspectFixture('hostile-system.c'), '-ldl'];
    const { code, stderr } = await runCommand('cc', flags);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    using held = new BoundSocket({ port: ownPort(), host: '127.0.0.1' });
    const { port } = held.address();
    const env = { LD_PRELOAD: library, SEED: String(Date.now() % 2 ** 31) };
    const looked = await run([inspectFixture('hostile.mjs'), String(port), String(SECONDS * 1000)], env);
    expect(looked, `seed ${env.SEED}`).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^\d+\n$/) });
    const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
    for (const words of [['inspect'], ['inspect', '--json'], ['who']]) {
      const ended = await run([cli, ...words, String(port)], env);
      expect([0, 1, 3], `seed ${env.SEED}: ${ended.stderr}`).toContain(ended.code);
      expect(`${ended.stdout}${ended.stderr}`.replaceAll('\n', ''), `seed ${env.SEED}`).not.toMatch(RAW);
    }
  });
});
