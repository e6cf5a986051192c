// Adoption: each kind of server listens on an exact socket and otherwise behaves as after a plain listen.
// @module-tag node
// @module-tag windows
// @module-tag sanitize
import { once } from 'node:events';
import net, { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { BoundSocket, listen } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { quiet } from '../fixtures/facts.ts';
import { ownPort } from '../fixtures/ports.ts';
import { closed, SERVER_KINDS } from '../fixtures/servers.ts';

const local = { port: 0, host: '127.0.0.1' } as const;

const servers: Server[] = [];
function server(onConnection?: (socket: Socket) => void): Server {
  const made = createServer(onConnection);
  servers.push(made);
  return made;
}
afterEach(() => {
  for (const made of servers.splice(0)) if (made.listening) made.close();
});

describe.each(SERVER_KINDS)('$kind', ({ make, request }) => {
  it('serves on a BoundSocket, and close() frees the port', async () => {
    const made = make();
    const bound = new BoundSocket(local);
    const expected = bound.address();
    made.listen(bound);
    // As with a plain listen, the address is there at once and 'listening' comes later.
    expect(made.listening).toBe(true);
    expect(made.address()).toEqual(expected);
    await once(made, 'listening');
    expect(await request(expected as AddressInfo)).toBe('served');
    await closed(made);
    new BoundSocket({ ...local, port: expected.port }).close();
  });

  it('serves after listen(), and listens again after close()', async () => {
    const made = make();
    const first = await listen(made, local);
    expect(made.address()).toEqual(first);
    expect(await request(first)).toBe('served');
    await closed(made);
    const second = await listen(made, local);
    expect(await request(second)).toBe('served');
    await closed(made);
  });
});

describe('server.listen(boundSocket)', () => {
  it('calls back, and takes the callback behind a backlog too', async () => {
    const first = server();
    await new Promise<void>((resolve) => first.listen(new BoundSocket(local), resolve));
    const second = server();
    await new Promise<void>((resolve) => second.listen(new BoundSocket(local), 7, resolve));
  });

  it('keeps the process alive only while it is referenced', async () => {
    const made = server().listen(new BoundSocket(local));
    const { _handle: handle } = made as unknown as { _handle: { hasRef(): boolean } };
    expect(handle.hasRef()).toBe(true);
    made.unref();
    expect(handle.hasRef()).toBe(false);
    made.ref();
    expect(handle.hasRef()).toBe(true);
  });

  it('completes handshakes before a server adopts the socket', async () => {
    const bound = new BoundSocket(local);
    const client = net.connect(bound.address().port, '127.0.0.1');
    await once(client, 'connect');
    server((socket) => socket.end('served')).listen(bound);
    const [text] = await once(client.setEncoding('utf8'), 'data');
    expect(text).toBe('served');
  });

  it('refuses to adopt a socket twice, and a closed one', () => {
    const bound = new BoundSocket(local);
    server().listen(bound);
    const refusal = { code: 'ERR_SOCKET_HANDLE_ADOPTED' };
    expect(() => server().listen(bound)).toThrow(expect.objectContaining(refusal));
    for (const use of ['address', 'fd', 'detach', 'close'] as const) {
      expect(() => bound[use](), use).toThrow(expect.objectContaining(refusal));
    }
    bound[Symbol.dispose]();
    const other = new BoundSocket(local);
    other.close();
    expect(() => server().listen(other)).toThrow(expect.objectContaining(refusal));
  });

  it('leaves the socket with its owner when the server listens already', () => {
    const made = server().listen(new BoundSocket(local));
    const bound = new BoundSocket(local);
    expect(() => made.listen(bound)).toThrow(expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }));
    expect(bound.address().port).toBeGreaterThan(0);
    bound.close();
  });
});

describe('listen()', () => {
  it('takes a bare port, and a port as text', async () => {
    const port = ownPort();
    const made = server();
    expect(await listen(made, { port, ...quiet })).toMatchObject({ port });
    await closed(made);
    expect(await listen(made, { port: String(port), ...quiet })).toMatchObject({ port });
    expect(await listen(server(), 0)).toMatchObject({ port: expect.any(Number) });
  });

  it('chooses the address of a name as the running Node does', async () => {
    const plain = server().listen({ port: 0, host: 'localhost' });
    await once(plain, 'listening');
    const { address, family } = plain.address() as AddressInfo;
    expect(await listen(server(), { port: 0, host: 'localhost' })).toMatchObject({ address, family });
  });

  it('rejects what Node would emit for a name that nobody has', async () => {
    const plain = server();
    const unknown = { port: 0, host: 'nobody.invalid' };
    const [expected] = await once(plain.listen(unknown), 'error');
    const error = await listen(server(), unknown).catch((reason) => reason);
    expect({ ...error, message: error.message }).toEqual({ ...expected, message: expected.message });
  });

  it("rejects a conflict with Node's own error, and the exact call in cause", async () => {
    const { port } = await listen(server(), local);
    const plain = server().listen({ ...local, port });
    const [expected] = await once(plain, 'error');
    const error = await listen(server(), { ...local, port }).catch((reason) => reason);
    const heldBy = `this process (pid ${process.pid}) listening on 127.0.0.1:${port}`;
    expect(error).toMatchObject({ ...expected, message: `${expected.message}: ${heldBy}`, heldBy });
    expect(error.cause).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', port });
  });

  it("emits 'error' only where somebody listens for it", async () => {
    const { port } = await listen(server(), local);
    const deaf = server();
    await expect(listen(deaf, { ...local, port })).rejects.toThrow('EADDRINUSE');
    const hearing = server();
    const heard: unknown[] = [];
    hearing.on('error', (error) => heard.push(error));
    const error = await listen(hearing, { ...local, port }).catch((reason) => reason);
    expect(heard).toEqual([error]);
    expect(hearing.listenerCount('error')).toBe(1);
  });

  it('refuses a server that listens already, without opening anything', async () => {
    const made = server();
    const { port } = await listen(made, local);
    await expect(listen(made, local)).rejects.toMatchObject({ code: 'ERR_SERVER_ALREADY_LISTEN' });
    expect((made.address() as AddressInfo).port).toBe(port);
  });

  it('rejects when the server is closed before it is listening: at once, during the lookup, or by its listener', async () => {
    const refusal = { code: 'ERR_SERVER_NOT_RUNNING' };
    for (const host of ['127.0.0.1', 'localhost']) {
      const made = server();
      const listening = listen(made, { port: 0, host });
      made.close();
      await expect(listening).rejects.toMatchObject(refusal);
      expect(made.listening).toBe(false);
    }
    const made = server();
    made.on('listening', () => made.close());
    await expect(listen(made, local)).rejects.toMatchObject(refusal);
  });

  it('takes a BoundSocket, which stays the caller’s if the server does not take it', async () => {
    const made = server();
    const bound = new BoundSocket(local);
    const { port } = bound.address();
    expect(await listen(made, bound)).toMatchObject({ port });
    const other = new BoundSocket(local);
    await expect(listen(made, other)).rejects.toMatchObject({ code: 'ERR_SERVER_ALREADY_LISTEN' });
    expect(other.address().port).toBeGreaterThan(0);
    other.close();
  });

  it('refuses a host as a third argument, which would be lost', async () => {
    const attempt = (listen as (...args: unknown[]) => Promise<unknown>)(server(), 0, '127.0.0.1');
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('an AbortSignal', () => {
  it('closes the server, which Node forgets on this path', async () => {
    const controller = new AbortController();
    const made = server();
    const { port } = await listen(made, { ...local, signal: controller.signal });
    controller.abort();
    await once(made, 'close');
    new BoundSocket({ ...local, port }).close();
  });

  it('rejects before the server is listening: aborted before, during the lookup, or after', async () => {
    const aborted = { name: 'AbortError', code: 'ABORT_ERR' };
    await expect(listen(server(), { ...local, signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
    for (const host of ['localhost', '127.0.0.1']) {
      const controller = new AbortController();
      const made = server();
      const listening = listen(made, { port: 0, host, signal: controller.signal });
      controller.abort(new Error('enough'));
      await expect(listening).rejects.toMatchObject({
        ...aborted,
        cause: expect.objectContaining({ message: 'enough' }),
      });
      expect(made.listening).toBe(false);
    }
  });

  it('is let go of when the server closes', async () => {
    const controller = new AbortController();
    const made = server();
    await listen(made, { ...local, signal: controller.signal });
    await closed(made);
    const again = await listen(made, local);
    controller.abort();
    expect(made.address()).toEqual(again);
  });

  it('is refused by BoundSocket, which could not obey it', () => {
    const options = { ...local, signal: new AbortController().signal };
    expect(() => new BoundSocket(options as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });
});
