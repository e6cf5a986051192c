// What cannot be looked up is said, and nothing that has a port is ever called free for it.
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BoundSocket, inspectPort, inspectPortSync } from 'exactbind';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Actor, type OpenCommand } from '../fixtures/actor.ts';
import { AS_NOBODY, inspectFixture, look, NOBODY, swarm } from '../fixtures/inspect/processes.ts';
import { HIDE_PROCESSES, needs, withMount } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { run, runCommand } from '../fixtures/register/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
afterAll(() => rmSync(folder, { recursive: true }));

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

async function compile(source: string, ...flags: string[]): Promise<string> {
  needs('gcc');
  const made = join(folder, basename(source, '.c'));
  const { code, stderr } = await runCommand('cc', [...flags, '-o', made, inspectFixture(source)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return made;
}

/** A listener of this process. */
function listening(): number {
  const bound = new BoundSocket({ port: ownPort(), host: '127.0.0.1' });
  endings.push(() => bound.close());
  return bound.address().port;
}

const INSPECTIONS = 200;

describe('processes that come and go during the scan', () => {
  it(`change nothing in ${INSPECTIONS} reports`, async () => {
    const [holder, { end }] = [new Actor(), await swarm()];
    endings.push(end, () => holder.end());
    const port = ownPort();
    await holder.become(NOBODY);
    await holder.open({ host: '127.0.0.1', port, listen: true });
    for (let i = 0; i < INSPECTIONS; i++) {
      const report = i % 2 === 0 ? await inspectPort(port) : inspectPortSync(port);
      expect(report.holders, `${i}`).toMatchObject([{ pid: holder.process.pid }]);
      expect(report, `${i}`).toMatchObject({ verdict: 'listening', bindable: { exclusive: false } });
    }
  });

  it(`see a port that somebody has as taken, whatever becomes of it meanwhile, ${INSPECTIONS} times`, async () => {
    const holder = new Actor();
    endings.push(() => holder.end());
    const port = ownPort();
    for (let i = 0; i < INSPECTIONS; i++) {
      const { id = -1 } = await holder.open({ host: '127.0.0.1', port });
      const [report] = await Promise.all([inspectPort(port), holder.listen(id)]);
      expect(['bound', 'listening'], `${i}`).toContain(report.verdict);
      expect(report.bindable.exclusive, `${i}`).toBe(false);
      await holder.close(id);
    }
  });
});

describe('/proc', () => {
  needs('another /proc', 'another user', 'util-linux');
  const HIDING = withMount(HIDE_PROCESSES);
  const GONE = withMount('mount -t tmpfs none /proc');

  it('that hides the processes of others hides the pid and nothing else', async () => {
    const port = listening();
    const { later, atOnce, refusal } = await look({ port, host: '127.0.0.1' }, [...HIDING, ...AS_NOBODY]);
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'listening', bindable: { exclusive: false } });
      expect(report.holders).toMatchObject([{ uid: 0, user: 'root', hidden: 'pid hidden from this user' }]);
    }
    expect(refusal?.code).toBe('EADDRINUSE');
    expect(refusal?.heldBy).toMatch(/^uid 0; pid (hidden from this user|not looked up)/);
  });

  it('that is not mounted takes the pid away and nothing else', async () => {
    const port = listening();
    const { later, atOnce, refusal } = await look({ port, host: '127.0.0.1' }, GONE);
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'listening', bindable: { exclusive: false } });
      expect(report.holders).toMatchObject([{ uid: 0, hidden: 'no process that can be seen here has it' }]);
      expect(report.holders[0]).not.toHaveProperty('pid');
    }
    expect(refusal?.code).toBe('EADDRINUSE');
  });
});

describe('a kernel that refuses netlink', () => {
  it.for(['EPERM', 'EACCES', 'ENOSYS', 'EAFNOSUPPORT'] as const)('with %s', async (code) => {
    const port = listening();
    const datagrams = new BoundSocket({ port, host: '127.0.0.1', protocol: 'udp' });
    endings.push(() => datagrams.close());
    const free = ownPort();
    const before = [await compile('refuse-netlink.c'), `${constants.errno[code]}`];
    const reason = `the list of sockets could not be read: ${code}`;
    const held = await look({ port, host: '127.0.0.1' }, before);
    for (const report of [held.later, held.atOnce]) {
      const bindable = { exclusive: false, reuseAddress: false, reusePort: false };
      expect(report).toMatchObject({ verdict: 'unknown', reason, bindable, holders: [] });
    }
    expect(held.refusal).toMatchObject({ code: 'EADDRINUSE', heldBy: reason });
    const udp = await look({ port, protocol: 'udp' }, before);
    expect(udp.later).toMatchObject({ verdict: 'unknown', reason, bindable: { exclusive: false }, holders: [] });
    const unheld = await look({ port: free, host: '127.0.0.1' }, before);
    for (const report of [unheld.later, unheld.atOnce]) {
      const bindable = { exclusive: true, reuseAddress: true, reusePort: true };
      expect(report).toMatchObject({ verdict: 'unknown', reason, bindable, holders: [] });
    }
    expect(unheld.refusal).toBeUndefined();
  });
});

describe('a process with locked memory', () => {
  it('keeps no error for longer than a second and a half, and no program from its end', async () => {
    const holder = new Actor();
    endings.push(() => holder.end());
    const port = ownPort();
    await holder.open({ host: '127.0.0.1', port, listen: true });
    const env = { LD_PRELOAD: await compile('hanging-proc.c', '-shared', '-fPIC', '-ldl') };
    const began = performance.now();
    const { code, stdout, stderr } = await run([inspectFixture('refused-in-time.mjs'), String(port)], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const { code: refusal, heldBy, milliseconds } of JSON.parse(stdout)) {
      expect(refusal).toBe('EADDRINUSE');
      expect(heldBy).toMatch(/^uid \d+; pid not looked up/);
      expect(milliseconds).toBeGreaterThan(1000);
      expect(milliseconds).toBeLessThan(10_000);
    }
    // The reads themselves take half a minute.
    expect(performance.now() - began).toBeLessThan(25_000);
  });
});

describe('a process without descriptors', () => {
  const FEW = ['sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'];

  it('says that it does not know', async () => {
    const { later, atOnce, refusal } = await look({ port: listening(), host: '127.0.0.1' }, FEW, { spare: 0 });
    const reason = 'the list of sockets could not be read: EMFILE';
    const bindable = { exclusive: null, reuseAddress: null, reusePort: null };
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'unknown', reason, bindable, holders: [] });
    }
    expect(refusal).toMatchObject({ code: 'EMFILE' });
    expect(refusal).not.toHaveProperty('heldBy');
  });

  it('but one says why it finds no pid', async () => {
    const { later, atOnce, refusal } = await look({ port: listening(), host: '127.0.0.1' }, FEW, { spare: 1 });
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'listening', holders: [{ hidden: 'pid not found: EMFILE' }] });
    }
    expect(refusal?.heldBy).toMatch(/^uid \d+; pid not found: EMFILE .*listening on /);
  });
});

describe('a kernel that lists no bound sockets', () => {
  it.for<Pick<Required<OpenCommand>, 'options'>>([
    { options: [] },
    { options: ['SO_REUSEADDR'] },
    { options: ['SO_REUSEPORT'] },
  ])('is not trusted beside one with $options', async ({ options }) => {
    const env = { LD_PRELOAD: await compile('without-bound-state.c', '-shared', '-fPIC', '-ldl') };
    const holder = new Actor();
    endings.push(() => holder.end());
    const port = ownPort();
    await holder.open({ host: '127.0.0.1', port, options });
    const { later, atOnce, refusal } = await look({ port, host: '127.0.0.1' }, [], { env });
    const bindable = inspectPortSync({ port, host: '127.0.0.1' }).bindable;
    for (const report of [later, atOnce]) {
      const reason = expect.stringContaining('lists no holder');
      expect(report).toMatchObject({ verdict: 'unknown', bindable, reason, holders: [] });
    }
    expect(refusal === undefined).toBe(bindable.exclusive);
  });

  it('says free of what is free', async () => {
    const env = { LD_PRELOAD: await compile('without-bound-state.c', '-shared', '-fPIC', '-ldl') };
    const { later, atOnce } = await look({ port: ownPort() }, [], { env });
    const bindable = { exclusive: true, reuseAddress: true, reusePort: true };
    for (const report of [later, atOnce]) expect(report).toMatchObject({ verdict: 'free', bindable });
  });
});

describe('an address of no interface that is up', () => {
  needs('another network');
  const inNetwork = (setUp: string) => ['unshare', '--net', 'sh', '-c', `${setUp} && exec "$@"`, 'sh'];
  const WITHOUT_IPV6 = 'echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6 && ip link set lo up';
  const bindable = { exclusive: false, reuseAddress: false, reusePort: false };

  it.each([
    ['::1', 'with loopback down', 'true'],
    ['::1', 'without IPv6 on loopback', WITHOUT_IPV6],
  ])('is not called free: %s %s', async (host, _, setUp) => {
    const { later, atOnce, refusal } = await look({ port: ownPort(), host }, inNetwork(setUp));
    for (const report of [later, atOnce]) {
      const reason = expect.stringContaining(`no interface of this machine has the address ${host}`);
      expect(report).toMatchObject({ verdict: 'unknown', bindable, reason });
    }
    expect(refusal?.code).toBe('EADDRNOTAVAIL');
  });

  it('is not called free: :: without IPv6; every address is, which is IPv4 then', async () => {
    const env = { LD_PRELOAD: await compile('../register/without-ipv6.c', '-shared', '-fPIC', '-ldl') };
    const before = inNetwork(WITHOUT_IPV6);
    const port = ownPort();
    const { later, atOnce, refusal } = await look({ port, host: '::' }, before, { env });
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'unknown', bindable, reason: 'this machine has no IPv6' });
    }
    expect(refusal?.code).toBe('EAFNOSUPPORT');
    const all = await look({ port }, before, { env });
    for (const report of [all.later, all.atOnce]) {
      expect(report).toMatchObject({ verdict: 'free', bindable: { exclusive: true } });
    }
    expect(all.refusal).toBeUndefined();
  });
});
