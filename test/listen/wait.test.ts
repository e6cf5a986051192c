// Waiting for a port: woken when its holder goes, however it goes; one of many gets it; a limit that names the holder.
// @module-tag node
// @module-tag windows
// @module-tag sanitize
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Worker } from 'node:worker_threads';
import { BoundSocket, bindUdp, type ListenOptions, listen, type SystemError, waitForPort } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { Actor, type OpenCommand } from '../fixtures/actor.ts';
import { hasIpv6, quiet } from '../fixtures/facts.ts';
import { ownPort } from '../fixtures/ports.ts';
import { closed } from '../fixtures/servers.ts';
import { describeOn } from '../fixtures/systems.ts';
import { leftovers, refusing, Waiter } from '../fixtures/wait/waiter.ts';

const host = '127.0.0.1';
/** Far longer than it takes to be woken, and shorter than the pause after which a waiter looks without being woken. */
const WOKEN = 2500;

const ended: (Actor | Waiter)[] = [];
function actor(): Actor {
  const made = new Actor();
  ended.push(made);
  return made;
}
function waiter(options: ListenOptions, prefix?: readonly string[]): Waiter {
  const made = new Waiter(options, prefix);
  ended.push(made);
  return made;
}
const servers: Server[] = [];
function waitingServer(options: ListenOptions): Promise<AddressInfo> {
  const server = createServer();
  servers.push(server);
  return listen(server, { host, ...quiet, ...options });
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map(closed));
  await Promise.all(ended.splice(0).map((made) => made.end()));
});

/** Another process that listens on a port of its own. */
async function holder(command: Partial<OpenCommand> = {}): Promise<{ other: Actor; id: number; port: number }> {
  const other = actor();
  const port = command.port ?? ownPort();
  const { id } = await other.open({ host, listen: true, ...command, port });
  return { other, id: id as number, port };
}

/** Milliseconds until a promise is fulfilled. */
async function took(promise: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await promise;
  return performance.now() - began;
}

const resources = () => [readdirSync('/proc/self/fd').length, readdirSync('/proc/self/task').length];

/** So often that a thread which /proc still lists for a moment, before or after, hides none that stays. */
const TIMES = 4;
async function expectNoMoreThan(before: number[]): Promise<void> {
  await expect.poll(() => resources().filter((count, at) => count > (before[at] ?? 0))).toEqual([]);
}

describe('listen() with a wait', () => {
  it('listens once the holder has closed', async () => {
    const bound = new BoundSocket({ port: 0, host });
    const { port } = bound.address();
    const waiting = waitingServer({ port, wait: 20_000 });
    bound.close();
    await expect(waiting).resolves.toMatchObject({ port });
  });

  it('fails with the last refusal when the time is up', async () => {
    using bound = new BoundSocket({ port: 0, host });
    const { port } = bound.address();
    const began = performance.now();
    const error = await waitingServer({ port, wait: 60 }).catch((reason) => reason);
    expect(performance.now() - began).toBeGreaterThanOrEqual(59);
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port });
    expect(error.message).toMatch(/; waited 60 ms$/);
    expect(error.stack).toContain('; waited 60 ms');
  });

  it.each([0, { timeout: 0 }])('of %j makes one attempt', async (wait) => {
    using bound = new BoundSocket({ port: 0, host });
    const error = await waitingServer({ port: bound.address().port, wait }).catch((reason) => reason);
    expect(error.code).toBe('EADDRINUSE');
    expect(error.message).not.toContain('waited');
  });

  it.each(['signal', 'wait'])('is ended by the AbortSignal of %s', async (name) => {
    using bound = new BoundSocket({ port: 0, host });
    const { port } = bound.address();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = waitingServer({ port, ...(name === 'wait' ? { wait: { signal } } : { wait: 20_000, signal }) });
    controller.abort('enough');
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' });
  });

  it('ends when the server is closed', async () => {
    using bound = new BoundSocket({ port: 0, host });
    const server = createServer();
    const waiting = listen(server, { port: bound.address().port, host, ...quiet, wait: 20_000 });
    server.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
  });

  it('does not wait for an address that no interface has', async () => {
    const waiting = waitingServer({ port: 0, host: '192.0.2.1', wait: Number.POSITIVE_INFINITY });
    await expect(waiting).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it.each([
    ['1000', 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [-1, 'ERR_OUT_OF_RANGE'],
    [Number.NaN, 'ERR_OUT_OF_RANGE'],
    [{ timeout: '1000' }, 'ERR_INVALID_ARG_TYPE'],
    [{ timeout: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  ])('of %o is %s', async (wait, code) => {
    await expect(waitingServer({ port: 0, wait: wait as number })).rejects.toMatchObject({ code });
  });

  it('is not for a constructor', () => {
    expect(() => new BoundSocket({ port: 0, wait: 1 } as object)).toThrow(/listen\(\)/);
  });
});

describeOn('linux')('listen() with a wait on Linux', () => {
  it.each([host, ...(hasIpv6 ? ['::'] : [])])('is woken when the holder on %s closes', async (address) => {
    const { other, id, port } = await holder({ host: address });
    const waiting = waitingServer({ port, wait: 20_000 });
    const released = other.close(id);
    expect(await took(waiting)).toBeLessThan(WOKEN);
    await released;
  });

  it('is woken when the holder is killed', async () => {
    const { other, port } = await holder();
    const waiting = waitingServer({ port, wait: 20_000 });
    const killed = other.end('SIGKILL');
    expect(await took(waiting)).toBeLessThan(WOKEN);
    await killed;
  });

  it('goes on while another holder is left, and is woken by the last', async () => {
    const options: OpenCommand['options'] = ['SO_REUSEPORT'];
    const first = await holder({ options });
    const second = await holder({ options, port: first.port });
    let isListening = false;
    const waiting = waitingServer({ port: first.port, wait: 20_000 }).then(() => {
      isListening = true;
    });
    await first.other.close(first.id);
    // The list and the attempt agree that it is taken: an answer of the holder comes later than the wake-up.
    await second.other.open({ host, port: 0, listen: true });
    expect(isListening).toBe(false);
    const released = second.other.close(second.id);
    expect(await took(waiting)).toBeLessThan(WOKEN);
    await released;
  });

  it('is woken by a bound socket that never listened', async () => {
    const { other, id, port } = await holder({ listen: false });
    const waiting = waitingServer({ port, wait: 20_000 });
    const released = other.close(id);
    expect(await took(waiting)).toBeLessThan(WOKEN);
    await released;
  });

  it('names the holder when the time is up', async () => {
    const { other, port } = await holder();
    let error: SystemError | undefined;
    const heldBy = async () => {
      error = await waitingServer({ port, wait: 30 }).catch((reason) => reason);
      return error?.heldBy;
    };
    // Looking for the pid may take longer than an error may on a busy machine, but not always.
    await expect.poll(heldBy).toContain(`pid ${other.process.pid}`);
    expect(error?.report?.holders).toMatchObject([{ pid: other.process.pid, state: 'LISTEN' }]);
  });

  it('waits for a leftover until its known end, and no longer', async () => {
    const port = ownPort();
    const left = leftovers(port);
    try {
      await once(left.stdout as NodeJS.ReadableStream, 'data');
      const bind = { port, host };
      const asked = performance.now();
      const { report } = await listen(createServer(), bind).catch((reason) => reason);
      expect(report.verdict).toBe('leftovers');
      const answered = performance.now();
      await waitingServer({ port, wait: 20_000 });
      const served = performance.now();
      // The end was told somewhere between the two, in jiffies; a report can take long.
      expect(served - asked - report.freeInMs).toBeGreaterThan(-5);
      // The kernel's own timers are late by an eighth of their length at most (kernel/time/timer.c).
      expect(served - answered - report.freeInMs).toBeLessThan(WOKEN);
    } finally {
      left.stdin?.end();
      await once(left, 'exit');
    }
  });

  it('has one winner among ten processes, and the others go on', async () => {
    const { other, id, port } = await holder();
    const waiters = Array.from({ length: 10 }, () => waiter({ port, host, wait: Number.POSITIVE_INFINITY }));
    expect(await Promise.all(waiters.map((one) => one.next()))).toEqual(waiters.map(() => ({ state: 'waiting' })));
    let release: Promise<unknown> = other.close(id);
    let others = waiters.map((one) => ({ one, said: one.next() }));
    while (others.length > 0) {
      await release;
      const winner = await Promise.race(others.map(async (each) => ({ each, said: await each.said })));
      expect(winner.said).toEqual({ state: 'listening', port });
      others = others.filter((each) => each !== winner.each);
      // The winner holds the port until it is ended, so nobody else can have won.
      release = winner.each.one.end();
    }
  });

  it('leaves neither descriptor nor thread behind', async () => {
    using bound = new BoundSocket({ port: 0, host });
    const { port } = bound.address();
    const once = () => waitingServer({ port, wait: 20 }).catch(({ code }) => code);
    await once();
    const before = resources();
    for (let i = 0; i < TIMES; i++) expect(await once()).toBe('EADDRINUSE');
    await expectNoMoreThan(before);
  });

  it('leaves nothing behind in a worker thread that is terminated', async () => {
    using bound = new BoundSocket({ port: 0, host });
    const { port } = bound.address();
    const terminated = async () => {
      const worker = new Worker(new URL('../fixtures/wait/worker.mjs', import.meta.url), {
        workerData: { port, host },
      });
      await once(worker, 'message');
      await worker.terminate();
    };
    await terminated();
    const before = resources();
    for (let i = 0; i < TIMES; i++) await terminated();
    await expectNoMoreThan(before);
  });
});

describeOn('linux')('a wait where the kernel does not tell', () => {
  it.each(['sock_diag', 'filter'] as const)('for want of %s looks again after short pauses', async (what) => {
    const { other, id, port } = await holder();
    const refused = waiter({ port, host, wait: 20_000 }, refusing(what));
    expect(await refused.next()).toEqual({ state: 'waiting' });
    // Until its pauses are the longest.
    await waitingServer({ port, wait: 200 }).catch(() => {});
    await other.close(id);
    expect(await took(refused.next())).toBeLessThan(WOKEN);
  });

  it('without sock_diag fails when the time is up', async () => {
    const { port } = await holder();
    const refused = waiter({ port, host, wait: 60 }, refusing('sock_diag'));
    expect(await refused.next()).toEqual({ state: 'waiting' });
    expect(await refused.next()).toMatchObject({ state: 'failed', code: 'EADDRINUSE' });
  });

  it('without a filter watches the process of the holder', async () => {
    const { other, port } = await holder();
    const refused = waiter({ port, host, wait: 20_000 }, refusing('filter'));
    expect(await refused.next()).toEqual({ state: 'waiting' });
    const folder = `/proc/${refused.process.pid}/fdinfo`;
    const read = (fd: string) => {
      try {
        return readFileSync(`${folder}/${fd}`, 'utf8');
      } catch {
        // Closed meanwhile.
        return '';
      }
    };
    // The holder is looked for on a thread.
    const watched = () => readdirSync(folder).map(read).join();
    await expect.poll(watched).toContain(`Pid:\t${other.process.pid}\n`);
    await other.end('SIGKILL');
    expect(await refused.next()).toEqual({ state: 'listening', port });
  });
});

describeOn('linux')('bindUdp() with a wait', () => {
  it('is woken when the holder closes', async () => {
    const { other, id, port } = await holder({ protocol: 'udp', listen: false });
    const socket = createSocket('udp4');
    const waiting = bindUdp(socket, { port, host, wait: 20_000 });
    const released = other.close(id);
    expect(await took(waiting)).toBeLessThan(WOKEN);
    await released;
    socket.close();
  });

  it('fails with the last refusal when the time is up', async () => {
    const { port } = await holder({ protocol: 'udp', listen: false });
    const socket = createSocket('udp4');
    const waiting = bindUdp(socket, { port, host, wait: 30 });
    await expect(waiting).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining('waited 30 ms'),
    });
    socket.close();
  });
});

describeOn('linux')('500 who wait for one port in one process', () => {
  it('share a watch and a look, and one of them listens at once', async () => {
    const { other, id, port } = await holder();
    const [, threads = 0] = resources();
    const began = performance.now();
    const giveUp = new AbortController();
    const wait = { timeout: 60_000, signal: giveUp.signal };
    const waiting = Array.from({ length: 500 }, () => waitingServer({ port, wait }));
    expect(performance.now() - began).toBeLessThan(WOKEN);
    expect(resources()[1]).toBe(threads + 1);
    await other.close(id);
    expect(await took(Promise.any(waiting))).toBeLessThan(WOKEN);
    giveUp.abort();
    const ends = await Promise.allSettled(waiting);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect.poll(() => resources()[1]).toBe(threads);
  });
});

describe('waitForPort()', () => {
  it.each([
    [{}, 'ERR_INVALID_ARG_VALUE'],
    [{ until: 'taken' }, 'ERR_INVALID_ARG_VALUE'],
    [{ until: 'free', interval: 5 }, 'ERR_INVALID_ARG_VALUE'],
    [{ until: 'free', timeout: '5' }, 'ERR_INVALID_ARG_TYPE'],
    [{ until: 'free', timeout: -5 }, 'ERR_OUT_OF_RANGE'],
    [{ until: 'free', signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
  ])('with %o is %s', async (options, code) => {
    await expect(waitForPort({ port: 1, host }, options as never)).rejects.toMatchObject({ code });
  });

  it('is ended by an AbortSignal', async () => {
    using bound = new BoundSocket({ port: 0, host });
    const { port } = bound.address();
    const waiting = waitForPort({ port, host }, { until: 'free', signal: AbortSignal.timeout(20) });
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
  });
});

describeOn('linux')('waitForPort() on Linux', () => {
  it('finds a free port free at once', async () => {
    const report = await waitForPort({ port: ownPort(), host }, { until: 'free', timeout: 0 });
    expect(report).toMatchObject({ verdict: 'free', bindable: { exclusive: true } });
  });

  it('is woken when the port is freed, and has not taken it', async () => {
    const { other, id, port } = await holder();
    const waiting = waitForPort({ port, host: 'localhost' }, { until: 'free' });
    await other.close(id);
    await expect(waiting).resolves.toMatchObject({ verdict: 'free', port });
    expect(await other.open({ host, port, listen: true })).toMatchObject({ port });
  });

  it('says who holds the port when the time is up', async () => {
    const { other, port } = await holder();
    const error = await waitForPort({ port, host }, { until: 'free', timeout: 30 }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ETIMEDOUT', address: host, port, report: { verdict: 'listening' } });
    expect(error.heldBy).toContain(`pid ${other.process.pid}`);
    expect(error.message).toContain(`is not free: ${error.heldBy}; waited 30 ms`);
  });

  it('does not wait for an address that no interface has', async () => {
    const waiting = waitForPort({ port: ownPort(), host: '192.0.2.1' }, { until: 'free' });
    await expect(waiting).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it.each(['0.0.0.0', '127.0.0.1'])('finds a listener that starts on %s', async (address) => {
    const other = actor();
    const port = ownPort();
    const waiting = waitForPort({ port, host }, { until: 'listening' });
    const { id } = await other.open({ host: address, port });
    await other.listen(id as number);
    expect(await took(waiting)).toBeLessThan(WOKEN);
    expect(await waiting).toMatchObject({ verdict: 'listening', holders: [{ pid: other.process.pid }] });
  });

  it('does not take a listener on another address for one', async () => {
    const { port } = await holder({ host: '127.0.0.2' });
    const waiting = waitForPort({ port, host }, { until: 'listening', timeout: 60 });
    await expect(waiting).rejects.toMatchObject({ code: 'ETIMEDOUT', message: expect.stringContaining('no listener') });
  });

  it('finds a UDP socket that is bound', async () => {
    const port = ownPort();
    const waiting = waitForPort({ port, host, protocol: 'udp' }, { until: 'listening' });
    await actor().open({ host, port, protocol: 'udp' });
    await expect(waiting).resolves.toMatchObject({ holders: [{ state: 'UNCONN' }] });
  });
});
