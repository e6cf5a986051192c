// inheritedSockets(): what systemd passes is checked, taken over and served; what was meant for others is left alone.
// @module-tag node
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BindOptions, BoundSocket } from 'exactbind';
import { inheritedSockets } from 'exactbind/handover';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { type Child, fixture, start, WITH_PID } from '../fixtures/handover/child.ts';
import { needs } from '../fixtures/needs.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';

const INHERITS = [process.execPath, fixture('inherits.mjs')];

const children: Child[] = [];
const held: BoundSocket[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end()));
  for (const socket of held.splice(0)) socket.close();
});

function bind(options: BindOptions): BoundSocket {
  const socket = new BoundSocket({ acceptPartial: true, ...options });
  held.push(socket);
  return socket;
}

/** A process that inherits descriptors, from 3 on. */
function inherits(descriptors: readonly number[], env: NodeJS.ProcessEnv = {}, ...args: string[]): Child {
  const variables = { LISTEN_FDS: String(descriptors.length), ...env };
  const child = start([...WITH_PID, ...INHERITS, ...args], descriptors, variables);
  children.push(child);
  return child;
}

interface Told {
  readonly sockets: Record<string, unknown>[];
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'inherited-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

async function getAt(socketPath: string): Promise<string> {
  const [response] = await once(http.get({ socketPath, agent: false }), 'response');
  return (await response.setEncoding('utf8').toArray()).join('');
}

const get = async (port: number) => (await fetch(`http://127.0.0.1:${port}`)).text();

describeOn('linux', 'darwin')('inheritedSockets()', () => {
  it('takes sockets over with their names, in their order, and clears the variables', async () => {
    const one = bind({ host: '127.0.0.1' });
    const two = bind({ host: '127.0.0.1' });
    const child = inherits([one.fd(), two.fd()], { LISTEN_FDNAMES: 'web:web' });
    const { sockets, ...rest } = await child.said<Told>();
    expect(sockets.map(({ name, address }) => [name, address])).toEqual([
      ['web', one.address()],
      ['web', two.address()],
    ]);
    expect(rest).toEqual({ env: [], open: [], again: 0 });
    expect(await child.said()).toMatchObject({ listening: 'web', ...one.address() });
    expect(await child.said()).toMatchObject({ listening: 'web', ...two.address() });
    expect(await get(one.address().port)).toMatch(/^web by \d+$/);
  });

  it('takes a Unix socket over, whose file stays its starter’s', async () => {
    const path = join(folder(), 'app.sock');
    const before = new BoundSocket({ path });
    const child = inherits([before.fd()], { LISTEN_FDNAMES: 'web' });
    const { sockets } = await child.said<Told>();
    expect(sockets).toEqual([{ name: 'web', address: path, exclusivity: before.exclusivity, caveat: before.caveat }]);
    expect(await child.said()).toEqual({ listening: 'web', path });
    expect(await getAt(path)).toBe(`web by ${child.process.pid}`);
    expect(await child.end()).toBe(0);
    expect(existsSync(path)).toBe(true);
    before.close();
    expect(existsSync(path)).toBe(false);
  });

  itOn('linux')('does not shrink the backlog of a Unix socket', async () => {
    needs('iproute2');
    const path = join(folder(), 'app.sock');
    const before = new BoundSocket({ path, backlog: 2000 });
    const child = inherits([before.fd()]);
    await child.said();
    await child.said();
    const { stdout } = spawnSync('ss', ['-xlnH', 'src', path], { encoding: 'utf8' });
    expect(Number(stdout.trim().split(/\s+/)[3])).toBeGreaterThanOrEqual(2000);
    before.close();
  });

  it('gives listenOrTake() the Unix socket of its path, and no other', async () => {
    const where = folder();
    const path = join(where, 'app.sock');
    const before = new BoundSocket({ path });
    const options = { path, handover: join(where, 'offer') };
    const take = (asked: object) => {
      const child = start([...WITH_PID, ...INHERITS, 'listenOrTake', JSON.stringify(asked)], [before.fd()], {
        LISTEN_FDS: '1',
      });
      children.push(child);
      return child;
    };
    const child = take(options);
    expect(await child.said()).toEqual({ listening: 'main', path });
    expect(await getAt(path)).toBe(`main by ${child.process.pid}`);
    await child.end();
    expect(existsSync(path)).toBe(true);
    const other = take({ ...options, path: join(where, 'other.sock') });
    expect(await other.said()).toEqual({ listening: 'main', path: join(where, 'other.sock') });
    before.close();
  });

  it('calls what has no name unknown, as systemd does', async () => {
    const { sockets } = await inherits([bind({}).fd()]).said<Told>();
    expect(sockets).toMatchObject([{ name: 'unknown' }]);
  });

  itOn('linux')('promises of a socket what it would have promised of its own', async () => {
    needs('IPv6');
    const sockets = [bind({}), bind({ host: '127.0.0.1' }), bind({ host: '127.0.0.1', sharing: 'reuse-port' })];
    const told = await inherits(sockets.map((socket) => socket.fd())).said<Told>();
    expect(told.sockets.map(({ exclusivity }) => exclusivity)).toEqual(['full', 'partial', 'partial']);
    expect(told.sockets[1]?.caveat).toBe(sockets[1]?.caveat);
    expect(told.sockets[2]?.caveat).toMatch('SO_REUSEPORT');
  });

  it('takes a UDP socket over, which nobody can join', async () => {
    const socket = bind({ host: '127.0.0.1', protocol: 'udp' });
    const { port } = socket.address();
    const child = inherits([socket.fd()], {}, 'udp');
    expect((await child.said<Told>()).sockets).toMatchObject([{ exclusivity: 'full' }]);
    expect(await child.said()).toEqual({ listening: 'unknown' });
    expect(() => new BoundSocket({ host: '127.0.0.1', port, protocol: 'udp', sharing: 'reuse-address' })).toThrow(
      'EADDRINUSE',
    );
    const client = dgram.createSocket('udp4');
    client.send('hello', port, '127.0.0.1', () => client.close());
    expect(await child.said()).toEqual({ received: 'hello' });
  });

  it('leaves alone what was passed to another process', async () => {
    const child = start(INHERITS, [bind({}).fd()], { LISTEN_FDS: '1', LISTEN_PID: String(process.pid) });
    children.push(child);
    expect(await child.said<Told>()).toMatchObject({ sockets: [], env: [] });
  });

  it('has nothing where nothing was passed', () => {
    expect(inheritedSockets()).toEqual([]);
  });

  itOn('linux')('refuses a connection, and says what passes the listening socket', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { connect } = await import('node:net');
    const client = connect(port, '127.0.0.1');
    await new Promise((resolve) => client.once('connect', resolve));
    const { fd } = (client as unknown as { _handle: { fd: number } })._handle;
    const told = await inherits([bind({}).fd(), fd], { LISTEN_FDNAMES: 'a:b' }).said();
    expect(told).toMatchObject({ code: 'EISCONN', message: expect.stringMatching(/descriptor 4 \('b'\).*Accept=no/) });
    client.destroy();
    server.close();
  });

  itOn('linux')('refuses a stream that does not listen', async () => {
    const told = await inherits([bind({ reserve: true }).fd()]).said();
    expect(told).toMatchObject({ code: 'EINVAL', message: expect.stringContaining('it does not listen') });
  });

  it('refuses what is no socket, and a number that is not open', async () => {
    const file = openSync('/dev/null', 'r');
    expect(await inherits([file]).said()).toMatchObject({ code: 'ENOTSOCK' });
    closeSync(file);
    expect(await inherits([bind({}).fd()], { LISTEN_FDS: '90' }).said()).toMatchObject({
      code: expect.stringMatching(/EBADF|ENOTSOCK/),
    });
  });

  it.each([
    [{ LISTEN_FDS: 'x\u001b[2J' }, 'ERR_INVALID_ARG_VALUE'],
    [{ LISTEN_FDS: '-1' }, 'ERR_INVALID_ARG_VALUE'],
    [{ LISTEN_FDS: '2000' }, 'ERR_OUT_OF_RANGE'],
    [{ LISTEN_FDS: '1', LISTEN_FDNAMES: 'a:b' }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses variables that cannot be: %o', async (env, code) => {
    const told = await inherits([bind({}).fd()], env).said();
    expect(told).toMatchObject({ code });
    expect(told.message).not.toMatch(/\p{Cc}/u);
  });

  it('goes before a bind of its own in listenOrTake()', async () => {
    const socket = bind({ host: '127.0.0.1' });
    const folder = mkdtempSync(join(tmpdir(), 'inherited-'));
    const script = `
      import net from 'node:net';
      import { listenOrTake } from 'exactbind/handover';
      const server = net.createServer();
      await listenOrTake(server, { port: ${socket.address().port}, host: '127.0.0.1', handover: '${folder}/offer' });
      console.log(JSON.stringify({ fd: server._handle.fd }));`;
    const command = [process.execPath, '--input-type=module', '-e', script];
    const child = start([...WITH_PID, ...command], [socket.fd()], { LISTEN_FDS: '1' });
    expect(await child.said()).toEqual({ fd: 3 });
    await child.end('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  itOn('linux')('is what systemd-socket-activate starts', async () => {
    needs('systemd-socket-activate');
    const { port } = bind({ host: '127.0.0.1' }).address();
    held.pop()?.close();
    const listen = ['systemd-socket-activate', '-l', `127.0.0.1:${port}`, '--fdname=web'];
    const child = start([...listen, '-E', 'PATH', ...INHERITS], []);
    children.push(child);
    // It starts the command when the first client comes.
    await expect.poll(() => get(port).catch(() => '')).toMatch(/^web by \d+$/);
    expect((await child.said<Told>()).sockets).toMatchObject([{ name: 'web', address: { port } }]);
  });
});
