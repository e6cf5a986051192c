// Nothing stays open: not after any failure, and not after the thread that opened it.
// @module-tag sanitize
import { closeSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type BindOptions, BoundSocket, isSupported } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { checkBindOptions } from '../../lib/bind/request.ts';
import { bind } from '../../lib/bind/socket.ts';
import { openSockets } from '../fixtures/descriptors.ts';
import { isLinux } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { fixture, run } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

const local = { port: 0, host: '127.0.0.1' } as const;

/** How often each code was thrown. */
function codes(times: number, attempt: () => unknown): Record<string, number> {
  const counted: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    let code = 'none';
    try {
      attempt();
    } catch (error) {
      code = (error as { code: string }).code;
    }
    counted[code] = (counted[code] ?? 0) + 1;
  }
  return counted;
}

function asNobody<T>(run: () => T): T {
  process.seteuid?.(65534);
  try {
    return run();
  } finally {
    process.seteuid?.(0);
  }
}

const descriptors = () => readdirSync('/proc/self/fd').length;

/** Runs it, and expects as many descriptors and the same sockets as before. */
function leavesNothing(run: () => unknown): void {
  const before = [descriptors(), openSockets()];
  run();
  expect([descriptors(), openSockets()]).toEqual(before);
}

describeOn('linux')('descriptors', () => {
  it('are as many as before after 100,000 failed binds', () => {
    using holder = new BoundSocket(local);
    const taken = { ...local, port: holder.address().port };
    const request = checkBindOptions(taken);
    let refused = 0;
    leavesNothing(() => {
      for (let i = 0; i < 100_000; i++) if ('refusal' in bind(request)) refused++;
    });
    expect(refused).toBe(100_000);
  });

  it('are as many as before after 500 failed binds that were explained', () => {
    using holder = new BoundSocket(local);
    const taken = { ...local, port: holder.address().port };
    leavesNothing(() => expect(codes(500, () => new BoundSocket(taken))).toEqual({ EADDRINUSE: 500 }));
  });

  it.each<[name: string, code: string, options: BindOptions]>([
    ['a reservation of a taken port', 'EADDRINUSE', { reserve: true }],
    ['a taken UDP port', 'EADDRINUSE', { protocol: 'udp' }],
    ['an address of no interface', 'EADDRNOTAVAIL', { host: '192.0.2.1' }],
    ['an option that is refused', 'ENOENT', { socketOptions: { TCP_CONGESTION: 'none-such' } }],
  ])('are as many as before after %s', async (_, code, options) => {
    using tcp = new BoundSocket(local);
    const taken = { ...local, port: tcp.address().port };
    using udp = new BoundSocket({ ...taken, protocol: 'udp' });
    expect(udp.address().port).toBe(taken.port);
    const before = [descriptors(), openSockets()];
    expect(codes(500, () => new BoundSocket({ ...taken, ...options }))).toEqual({ [code]: 500 });
    // A UDP handle of Node's closes at the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect([descriptors(), openSockets()]).toEqual(before);
  });

  it.for<[name: string, code: string, options: BindOptions]>([
    ['a privileged port', 'EACCES', { port: 80 }],
    ['an option for the administrator', 'EPERM', { socketOptions: { SO_MARK: 1 } }],
  ])('are as many as before after %s', ([, code, options]) => {
    needs('another user', ...(options.port === 80 ? ['a privileged port' as const] : []));
    const attempt = () => asNobody(() => codes(500, () => new BoundSocket({ ...local, ...options })));
    // Which loads the table of options: as nobody, the package may be out of reach.
    expect(isSupported('SO_MARK')).toBe(true);
    leavesNothing(() => expect(attempt()).toEqual({ [code]: 500 }));
  });

  it('are as many as before after adoptions that failed', async () => {
    const before = [descriptors(), openSockets()];
    const closedUnderneath = () => {
      using bound = new BoundSocket(local);
      closeSync(bound.fd());
      createServer().listen(bound);
    };
    expect(codes(1000, closedUnderneath)).toEqual({ EBADF: 1000 });
    const server = createServer().listen(new BoundSocket(local));
    const listeningAlready = () => {
      using bound = new BoundSocket(local);
      server.listen(bound);
    };
    expect(codes(1000, listeningAlready)).toEqual({ ERR_SERVER_ALREADY_LISTEN: 1000 });
    await new Promise((resolve) => server.close(resolve));
    expect([descriptors(), openSockets()]).toEqual(before);
  });
});

describeOn('linux', 'darwin')('a detached descriptor', () => {
  it('serves, and its BoundSocket refuses everything and closes nothing', async () => {
    const bound = new BoundSocket({ ...local, port: ownPort() });
    const address = bound.address();
    const fd = bound.detach();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ fd }, resolve));
    expect(server.address()).toEqual(address);
    for (const member of ['address', 'fd', 'detach', 'close'] as const) {
      const use = () => bound[member]();
      expect(use, member).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_HANDLE_ADOPTED' }));
    }
    expect(() => createServer().listen(bound)).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_HANDLE_ADOPTED' }));
    bound[Symbol.dispose]();
    expect(() => new BoundSocket({ ...local, port: address.port })).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE' }),
    );
    await new Promise((resolve) => server.close(resolve));
    new BoundSocket({ ...local, port: address.port }).close();
  });

  it('listens if it was a reservation', async () => {
    const bound = new BoundSocket({ ...local, reserve: true });
    const { port } = bound.address();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ fd: bound.detach() }, resolve));
    expect(server.address()).toMatchObject({ port });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a worker thread that ended', () => {
  const WORKERS = Number(process.env.EXACTBIND_WORKERS ?? 100);
  const AT_ONCE = 4;
  // Three sockets that nobody adopts; the thread ends with the script.
  const script = `
    const { workerData } = require('node:worker_threads');
    import(workerData.module).then(({ BoundSocket }) => {
      const bound = workerData.sockets.map((options) => new BoundSocket(options));
      globalThis.kept = bound;
    });`;
  const module = new URL('../../dist/index.mjs', import.meta.url).href;

  function ended(sockets: BindOptions[]): Promise<unknown> {
    const worker = new Worker(script, { eval: true, workerData: { module, sockets } });
    return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  }

  it(`leaves nothing bound, ${WORKERS} times`, { timeout: 240_000 }, async () => {
    const before = isLinux ? [descriptors(), openSockets()] : [];
    let left = WORKERS;
    const threads = async () => {
      const [listened, reserved] = [
        { ...local, port: ownPort() },
        { ...local, port: ownPort(), reserve: true },
      ];
      const sockets: BindOptions[] = [listened, reserved, { ...listened, protocol: 'udp' }];
      // The same addresses each time, for the next thread and then for this one: a socket that is left is in the way.
      while (left-- > 0) await ended(sockets);
      for (const options of sockets) new BoundSocket(options).close();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, threads));
    if (isLinux) expect([descriptors(), openSockets()]).toEqual(before);
  });
});

describeOn('linux')('a thread that is terminated in the middle of a call', () => {
  it.each(['sockets', 'socketsAsync', 'watchPorts', 'localAddress', 'get'])('of %s ends alone', async (name) => {
    const ended = await run([fixture('worker-threads/terminated.cjs'), name]);
    expect(ended).toEqual({ code: 0, stdout: 'survived\n', stderr: '' });
  });
});
