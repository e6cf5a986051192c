// The error of a refused listen says who has the address, and stays the error that it was.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { type BindOptions, BoundSocket, inspectPort, inspectPortSync, listen, type SystemError } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { Actor, type OpenCommand } from '../fixtures/actor.ts';
import { openSockets } from '../fixtures/descriptors.ts';
import { hasIpv6 } from '../fixtures/facts.ts';
import { AS_NOBODY, hold, inspectFixture, look, NOBODY } from '../fixtures/inspect/processes.ts';
import { endScenes, timeWait } from '../fixtures/inspect/scenes.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { lines, REQUIRED, run } from '../fixtures/register/run.ts';

const LOCAL = '127.0.0.1';
const FAILURES = 50;
const LOOPS = 4;
const REFUSALS = 20;

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

async function held(command: Partial<OpenCommand> = {}): Promise<{ port: number; pid: number }> {
  const holder = new Actor();
  endings.push(() => holder.end());
  const port = ownPort();
  const { error } = await holder.open({ host: LOCAL, listen: true, ...command, port });
  expect(error).toBeUndefined();
  return { port, pid: holder.process.pid as number };
}

function refusalOf(options: BindOptions): SystemError {
  try {
    new BoundSocket(options).close();
  } catch (error) {
    return error as SystemError;
  }
  throw new Error(`${JSON.stringify(options)} was bound`);
}

/** How a sentence names an actor: a pattern. */
const python = (pid: number) => `python3(\\.\\d+)? \\(pid ${pid}, (user \\w+|uid \\d+)(, [^)]+)?\\)`;

describe('EADDRINUSE', () => {
  it('of BoundSocket names the holder at the end of its message', async () => {
    const { port, pid } = await held();
    const error = refusalOf({ port, host: LOCAL });
    expect(error.heldBy).toMatch(new RegExp(`^${python(pid)} listening on ${LOCAL}:${port}$`));
    expect(error.message).toBe(`bind EADDRINUSE: address already in use ${LOCAL}:${port}: ${error.heldBy}`);
    expect(Object.keys(error)).toEqual(['code', 'errno', 'syscall', 'address', 'port', 'heldBy']);
    expect(error).toMatchObject({ code: 'EADDRINUSE', errno: -98, syscall: 'bind', address: LOCAL, port });
    expect(error.report).toMatchObject({ verdict: 'listening', bindable: { exclusive: false } });
    expect(error.stack).toContain(error.message);
    expect(refusalOf({ port }).report?.holders).toMatchObject([{ pid }]);
  });

  it('of listen() keeps both, on the server too, and the exact call in its cause', async () => {
    const { port, pid } = await held();
    const server = createServer();
    const emitted: unknown[] = [];
    server.on('error', (error) => emitted.push(error));
    const error: SystemError = await listen(server, { port, host: LOCAL }).catch((reason) => reason);
    expect(emitted).toHaveLength(1);
    expect(emitted[0]).toBe(error);
    expect(error.heldBy).toMatch(new RegExp(`^${python(pid)} listening on ${LOCAL}:${port}$`));
    expect(error.message).toBe(`listen EADDRINUSE: address already in use ${LOCAL}:${port}: ${error.heldBy}`);
    expect(error).toMatchObject({ code: 'EADDRINUSE', errno: -98, syscall: 'listen', address: LOCAL, port });
    expect(Object.keys(error)).toEqual(['code', 'errno', 'syscall', 'address', 'port', 'heldBy']);
    expect(Object.getOwnPropertyDescriptor(error, 'report')?.enumerable).toBe(false);
    expect(error.report).toMatchObject({ verdict: 'listening' });
    const cause = error.cause as SystemError;
    expect(cause).toMatchObject({ syscall: 'bind', heldBy: error.heldBy });
    expect(cause.report).toBe(error.report);
  });

  it('tells a socket that does not listen from one that does', async () => {
    const { port, pid } = await held({ listen: false });
    const { heldBy, report } = refusalOf({ port });
    expect(heldBy).toMatch(new RegExp(`^${python(pid)} bound to ${LOCAL}:${port}, not listening$`));
    expect(report).toMatchObject({ verdict: 'bound', host: '::', holders: [{ state: 'BOUND' }] });
  });

  it('of UDP names the holder of the UDP port', async () => {
    const { port, pid } = await held({ protocol: 'udp', listen: false });
    const { heldBy, report } = refusalOf({ port, protocol: 'udp' });
    expect(heldBy).toMatch(new RegExp(`^${python(pid)} bound to ${LOCAL}:${port}$`));
    expect(report).toMatchObject({ verdict: 'listening', protocol: 'udp' });
  });

  it('tells a client of somebody else from a listener', async () => {
    const port = ownPort();
    const { pid, end } = await hold('client', port);
    endings.push(end);
    const { heldBy, report } = refusalOf({ port, leftovers: 'refuse' });
    const place = `from ${LOCAL}:${port} to ${LOCAL}:\\d+`;
    expect(heldBy).toMatch(new RegExp(`^${python(pid)}: an outgoing connection ${place}$`));
    expect(report).toMatchObject({ verdict: 'outgoing', holders: [{ state: 'ESTABLISHED' }] });
  });

  it("tells leftovers from a holder, with leftovers: 'refuse'", async () => {
    const port = ownPort();
    endings.push(endScenes);
    await timeWait(['SO_REUSEADDR'])(port);
    const { heldBy, report } = refusalOf({ port, leftovers: 'refuse' });
    const what = `no process: 1 connection of an earlier listener on ${LOCAL}:${port}`;
    expect(heldBy).toMatch(new RegExp(`^${what} \\(TIME_WAIT\\), free in \\d+\\.\\d s$`));
    expect(report).toMatchObject({ verdict: 'leftovers', bindable: { exclusive: false } });
  });

  it('names this process as itself', () => {
    using bound = new BoundSocket({ port: ownPort(), host: LOCAL });
    const { port } = bound.address();
    expect(refusalOf({ port }).heldBy).toBe(`this process (pid ${process.pid}) listening on ${LOCAL}:${port}`);
  });

  it('names the holder each time, beside busy loops', async () => {
    const { port, pid } = await held();
    const loops = Array.from({ length: availableParallelism() * LOOPS }, () =>
      spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
    );
    endings.push(...loops.map((loop) => () => loop.kill('SIGKILL')));
    for (let i = 0; i < REFUSALS; i++) {
      expect(refusalOf({ port }).heldBy, `${i}`).toContain(`pid ${pid},`);
      await expect(listen(createServer(), port), `${i}`).rejects.toMatchObject({
        heldBy: expect.stringContaining(`pid ${pid},`),
      });
    }
  });

  it('names the holder also where the main thread was busy for longer than an error waits', async () => {
    const { port, pid } = await held();
    const refused = listen(createServer(), port).catch((error) => error);
    await new Promise(setImmediate);
    const began = performance.now();
    while (performance.now() - began < 1500);
    expect(await refused).toMatchObject({ code: 'EADDRINUSE', heldBy: expect.stringContaining(`pid ${pid},`) });
  });

  it('names the holder behind a crowd of processes, to everybody who asks', async () => {
    needs('another user');
    const port = ownPort();
    const { end } = await hold('after-a-crowd', port);
    endings.push(end);
    const named = expect.stringMatching(/^python\S* \(pid \d+, user \S+\) listening on /);
    expect(refusalOf({ port })).toMatchObject({ code: 'EADDRINUSE', heldBy: named });
    await expect(listen(createServer(), port)).rejects.toMatchObject({ code: 'EADDRINUSE', heldBy: named });
    expect(inspectPortSync(port).holders).toMatchObject([{ pid: expect.any(Number), uid: NOBODY }]);
  });
});

/** The lines of a stack that are not the hook's; it calls Node's function by another name. */
const foreignFrames = (stack = '') =>
  stack
    .replaceAll(' [as _listen2]', '')
    .split('\n')
    .filter((line) => !line.includes('/dist/index.cjs:'));

interface Printed {
  stack: string;
  common: { values: [name: string, value: unknown, enumerable: boolean][] };
  heldBy?: PropertyDescriptor;
  verdict?: string;
  isReportEnumerable?: boolean;
}

describe('under exactbind/register', () => {
  it('the error stays what Node makes, and gains two properties', async () => {
    const { port, pid } = await held();
    const program = [inspectFixture('refused.cjs'), String(port)];
    const [plain] = await lines<Printed>(program);
    const [hooked] = await lines<Printed>([...REQUIRED, ...program]);
    expect(hooked?.common).toEqual(plain?.common);
    expect(foreignFrames(hooked?.stack)).toEqual(foreignFrames(plain?.stack));
    expect(plain).not.toHaveProperty('heldBy');
    const sentence = expect.stringMatching(new RegExp(`^${python(pid)} listening on ${LOCAL}:${port}$`));
    expect(hooked?.heldBy).toMatchObject({ value: sentence, enumerable: true });
    expect(hooked).toMatchObject({ verdict: 'listening', isReportEnumerable: false });
  });

  it('an uncaught error prints the holder of the port, and no other line', async () => {
    const { port, pid } = await held();
    const program = [inspectFixture('refused.cjs'), String(port), 'uncaught'];
    const plain = await run(program);
    const hooked = await run([...REQUIRED, ...program]);
    expect(hooked.code).toBe(plain.code);
    const before = foreignFrames(plain.stderr);
    const after = foreignFrames(hooked.stderr);
    const added = after.filter((line) => line.includes('heldBy'));
    expect(added).toEqual([expect.stringMatching(`heldBy: '${python(pid)} listening on ${LOCAL}:${port}'`)]);
    // The property before it gets a comma.
    const withoutCommas = (lines: string[]) => lines.map((line) => line.replace(/,$/, ''));
    expect(withoutCommas(after.filter((line) => !added.includes(line)))).toEqual(withoutCommas(before));
  });
});

describe('an address that nobody can have', () => {
  it('below the privileged limit has a verdict of its own, with the remedy', async () => {
    needs('another user', 'util-linux', 'a privileged port');
    const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'));
    const port = first - 1;
    const reason = `ports below ${first} need CAP_NET_BIND_SERVICE`;
    const remedy = expect.stringMatching(/setcap.*sysctl/);
    const bindable = { exclusive: false, reuseAddress: false, reusePort: false };
    const { later, atOnce, refusal } = await look({ port }, AS_NOBODY);
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'privileged', bindable, reason, remedy });
    }
    expect(refusal).toMatchObject({ code: 'EACCES', heldBy: reason, remedy });
    expect(refusal?.message).toBe(`bind EACCES: permission denied :::${port}: ${refusal?.heldBy}`);

    using _ = new BoundSocket({ port });
    const beside = await look({ port }, AS_NOBODY);
    expect(beside.later).toMatchObject({ verdict: 'listening', bindable, holders: [{ uid: 0 }] });
    expect(beside.refusal).toMatchObject({ code: 'EACCES' });
  });

  it.each(['192.0.2.1', ...(hasIpv6 ? ['2001:db8::1'] : [])])('of no interface is told apart: %s', async (host) => {
    const port = ownPort();
    const reason = `no interface of this machine has the address ${host}`;
    const remedy = 'bind an address that an interface has, or every address (::)';
    const bindable = { exclusive: false, reuseAddress: false, reusePort: false };
    const found = { verdict: 'unknown', bindable, reason, remedy, holders: [] };
    expect(inspectPortSync({ port, host })).toMatchObject(found);
    expect(await inspectPort({ port, host })).toMatchObject(found);
    const error = refusalOf({ port, host });
    expect(error).toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
      address: host,
      port,
      heldBy: reason,
      remedy,
    });
    expect(error.report).toMatchObject(found);
  });
});

describe('failing listens', () => {
  it(`leave no descriptor, ${FAILURES} of each kind`, async () => {
    const { port } = await held();
    const { port: bound } = await held({ listen: false, options: ['SO_REUSEPORT'] });
    const { port: udp } = await held({ protocol: 'udp', listen: false });
    // Whatever is opened once for good is open then.
    await inspectPort(port);
    const before = openSockets();
    for (let i = 0; i < FAILURES; i++) {
      expect(refusalOf({ port }).heldBy).toBeTypeOf('string');
      expect(refusalOf({ port: bound }).heldBy).toBeTypeOf('string');
      expect(refusalOf({ port: udp, protocol: 'udp' }).heldBy).toBeTypeOf('string');
      expect(refusalOf({ port, host: '192.0.2.1' }).heldBy).toBeTypeOf('string');
      await expect(listen(createServer(), { port })).rejects.toMatchObject({ heldBy: expect.any(String) });
    }
    expect(openSockets()).toEqual(before);
  });

  it(`and inspections that bind for a moment leave no descriptor, ${FAILURES} of each kind`, async () => {
    const { port } = await held({ listen: false, options: ['SO_REUSEADDR'] });
    const { port: udp } = await held({ protocol: 'udp', listen: false, options: ['SO_REUSEADDR'] });
    await inspectPort(port);
    const before = openSockets();
    for (let i = 0; i < FAILURES; i++) {
      expect(inspectPortSync(port).bindable.exclusive).toBe(true);
      expect((await inspectPort({ port: udp, protocol: 'udp' })).bindable.reuseAddress).toBe(true);
      expect((await inspectPort({ port, host: '192.0.2.1' })).bindable.exclusive).toBe(false);
    }
    expect(openSockets()).toEqual(before);
  });
});
