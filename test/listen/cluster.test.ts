// Cluster workers: what they share stays shared, what they bring themselves stays theirs, and no message is lost.
// @module-tag node
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { fixture, lines, REQUIRED } from '../fixtures/register/run.ts';
import { describeOn, itWhere } from '../fixtures/systems.ts';

interface Case {
  name: string;
  isShared?: boolean;
}

/** What fixtures/register/spy.cjs prints. */
interface NativeBind {
  bound?: string;
  opened: boolean;
  isPrimary: boolean;
}

/** What fixtures/cluster/taken.cjs prints. */
interface Taken {
  message: string;
  verdict?: string;
  values: { heldBy?: string };
}

const MAJOR = Number(process.versions.node.split('.')[0]);
const WAYS = ['BoundSocket', 'listen()'];

describe.each(['rr', 'none'])('in a cluster with SCHED_%s', (policy) => {
  const shared = <Line = Case>(hook: string[]) => {
    const ports = Array.from({ length: 4 }, () => String(ownPort()));
    return lines<Line>([...hook, fixture('cluster/shared.cjs'), policy, ...ports]);
  };

  it('hooked workers share, fail and answer as they do without the hook', async () => {
    needs('IPv6');
    const plain = await shared([]);
    expect(plain.filter(({ isShared }) => isShared).length).toBeGreaterThan(6);
    expect(plain.at(-1)).toMatchObject({ name: "the primary's own server", listening: true });
    expect(await shared(REQUIRED)).toEqual(plain);
  });

  // pm2 ends a worker for an uncaught exception, and not for a rejection.
  it.each([
    ['in an error event', []],
    ['in an uncaught exception', ['uncaught']],
  ])('a worker learns who holds the port that its primary was refused: %s', async (_, words) => {
    const holder = new Actor();
    const port = ownPort();
    await holder.open({ host: '127.0.0.1', port, listen: true });
    const program = [fixture('cluster/taken.cjs'), policy, String(port), ...words];
    const [plain] = await lines<Taken>(program);
    const [hooked] = await lines<Taken>([...REQUIRED, ...program]);
    await holder.end();
    const { heldBy, ...values } = hooked?.values ?? {};
    expect(heldBy).toMatch(
      new RegExp(`^python\\S* \\(pid ${holder.process.pid}, .*\\) listening on 127.0.0.1:${port}$`),
    );
    expect({ ...hooked, values }).toEqual({ ...plain, verdict: 'listening', own: false });
  });

  it('the primary binds natively for its workers, and a worker what is its own', async () => {
    needs('IPv6');
    const seen = await shared<NativeBind>([...REQUIRED, '--require', fixture('register/spy.cjs')]);
    const binds = seen.filter(({ bound, opened }) => bound !== undefined && opened);
    // Its own server, and each case but the exclusive, the reusePort and the failing ones.
    expect(binds.filter(({ isPrimary }) => isPrimary)).toHaveLength(MAJOR === 20 ? 9 : 8);
    expect(binds.filter(({ isPrimary }) => !isPrimary)).toHaveLength(2);
  });

  // A descriptor means another file in the primary: Node itself goes wrong there with listen({ fd }).
  describeOn('linux')('whose primary has sockets at the same descriptor numbers', () => {
    const own = (way: string) => lines<{ bound?: number; address: object }>([fixture('cluster/own.mjs'), policy, way]);

    it.each(WAYS)('a worker serves on the socket it brought: %s', async (way) => {
      const [seen] = await own(way);
      expect(seen).toMatchObject({ answer: 'worker', isDecoy: false, opened: 0, primary: 'primary' });
      if (seen?.bound !== undefined) expect(seen.address).toMatchObject({ port: seen.bound });
    });

    it('a worker with listen({ fd }) is caught by them', async () => {
      expect(await own('{ fd }')).toMatchObject([{ isDecoy: true }]);
    });
  });

  it.each(WAYS)('two workers cannot have one port of their own: %s', async (way) => {
    const port = ownPort();
    const [first, second] = await lines([fixture('cluster/conflict.mjs'), policy, way, String(port)]);
    expect(first).toEqual({ address: { address: '127.0.0.1', family: 'IPv4', port } });
    expect(second).toMatchObject({
      code: 'EADDRINUSE',
      address: '127.0.0.1',
      port,
      ...(way === 'listen()' ? { syscall: 'listen', cause: 'bind' } : { syscall: 'bind' }),
    });
  });
});

describe('a message sent at once after the fork', () => {
  const WORKERS = 20;
  const received = async (hook: string[]) =>
    (await lines([...hook, fixture('cluster/messages.cjs'), String(WORKERS)]))[0];

  it('arrives in hooked workers', async () => {
    expect(await received(REQUIRED)).toEqual(Array(WORKERS).fill(['first', 'last']));
  });

  // Newer versions of Node lose none.
  const isNode20 = process.version.startsWith('v20.');
  itWhere(isNode20)('is lost on Node 20 under --import, which is why the hook is CommonJS', async () => {
    expect(await received(['--import', pathToFileURL(fixture('cluster/empty.mjs')).href])).toContainEqual(['last']);
  });
});

describe('a hooked worker', () => {
  const warnings = (before: string[], execArgv: string[]) =>
    lines<string[]>([...before, fixture('cluster/hooked-workers.cjs'), JSON.stringify(execArgv)]);

  it('warns once that its primary is not hooked, and binds its ports', async () => {
    expect(await warnings([], REQUIRED)).toEqual([['EXACTBIND_PRIMARY']]);
  });

  it('says nothing where both are, or neither is', async () => {
    expect(await warnings(REQUIRED, REQUIRED)).toEqual([[]]);
    expect(await warnings([], [])).toEqual([[]]);
  });
});
