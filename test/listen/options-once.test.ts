// Options are read once each, from the caller's object and its classes alone, and nothing in Object.prototype changes a bind.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { BoundSocket, bindUdp, connect, connector, inspectPort, inspectPortSync, listen, waitForPort } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { describeOn } from '../fixtures/systems.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const HERE = { port: 0, host: '127.0.0.1' } as const;

/** Every name by which the library reads or makes a property: of the contract, of its types, of what is internal. */
function namesInSources(): string[] {
  const files = (readdirSync(`${root}lib`, { recursive: true }) as string[]).filter((file) => /\.c?ts$/.test(file));
  const member = /(?<=[.?]\s*)[A-Za-z_$][\w$]*/g;
  const field = /\b[A-Za-z_$][\w$]*(?=\??\s*:)|(?<=[{,]\s*)[A-Za-z_$][\w$]*(?=\s*[,}=])/g;
  const names = new Set<string>();
  for (const file of files) {
    // The table of options is one text.
    const text = file.endsWith('table.ts') ? '' : readFileSync(`${root}lib/${file}`, 'utf8');
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    for (const [name] of [...code.matchAll(member), ...code.matchAll(field)]) names.add(name);
  }
  return [...names].filter((name) => !(name in Object.prototype));
}

type Polluting = readonly (readonly [name: string, value: unknown])[];

// What would be believed, where a 1 is refused.
const BELIEVABLE: Polluting = [
  ['port', 1],
  ['host', '::1'],
  ['ipv6Only', true],
  ['protocol', 'udp'],
  ['sharing', 'raw'],
  ['sharing', 'reuse-port'],
  ['leftovers', 'refuse'],
  ['reserve', true],
  ['backlog', 1],
  ['socketOptions', { SO_KEEPALIVE: true }],
  ['wait', 100],
  ['timeout', 100],
  ['until', 'listening'],
  ['code', 'EADDRINUSE'],
  ['guard', true],
  ['late', { settings: new Int32Array(), connections: 1 }],
  ['strangers', true],
  ['promise', { exclusivity: 'partial', caveat: 'a promise of nobody' }],
  ['untold', ['127.0.0.1', '::']],
  ['looksAgain', true],
  ['address', '127.0.0.2'],
  ['conflicting', ['127.0.0.1', '::']],
  ['overLeftovers', { policy: {} }],
  ['unsupported', 'SO_REUSEADDR'],
  ['refusal', { code: 'EACCES', syscall: 'bind' }],
  ['remotePort', 9],
  ['SO_REUSEPORT', true],
];

async function polluted(names: Polluting, believable: Polluting) {
  const child = spawn(process.execPath, [`${root}test/fixtures/options/polluted.mjs`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stdin.end(JSON.stringify({ names, believable }));
  await once(child, 'close');
  return JSON.parse(Buffer.concat(chunks).toString()) as { wrong: object[]; left: string[]; broken: string[] };
}

const servers: (net.Server | net.Socket)[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server instanceof net.Server ? server.close() : server.destroy();
});

async function serving(): Promise<number> {
  const server = net.createServer((socket) => socket.end('x').on('error', () => {}));
  servers.push(server);
  return (await listen(server, HERE)).port;
}

// The oracle counts the sockets of a process in /proc.
describeOn('linux')('Object.prototype', () => {
  it('changes nothing by any name in the sources, and leaves nothing open', { timeout: 600_000 }, async () => {
    const names = namesInSources();
    expect(names.length).toBeGreaterThan(700);
    for (const name of ['sharing', 'ipv6Only', 'protocol', 'code', 'guard', 'refusal', 'remotePort', 'boundTo']) {
      expect(names).toContain(name);
    }
    const { wrong, left, broken } = await polluted(
      names.map((name) => [name, 1] as const),
      BELIEVABLE,
    );
    expect(wrong).toEqual([]);
    expect(left).toEqual([]);
    // Names that keep Node's own net and events from working: no library can mend that.
    expect(broken.filter((name) => !['signal', 'aborted', 'connect', 'encoding'].includes(name))).toEqual([]);
  });

  it('changes nothing by a getter that throws, or by a setter', () => {
    const names = ['sharing', 'protocol', 'host', 'code', 'address', 'option', 'heldBy', 'remotePort'];
    const bound = new BoundSocket(HERE);
    const { port } = bound.address();
    const message = (() => {
      try {
        return new BoundSocket({ ...HERE, port }).address();
      } catch (error) {
        return `${(error as Error).message} ${Object.keys(error as Error)}`;
      }
    })();
    for (const name of names) {
      const refuse = () => {
        throw new Error(`${name} was touched`);
      };
      Object.defineProperty(Object.prototype, name, { get: refuse, set: refuse, configurable: true });
      try {
        expect(() => new BoundSocket({ ...HERE, port })).toThrow('EADDRINUSE');
        new BoundSocket(HERE).close();
      } finally {
        Reflect.deleteProperty(Object.prototype, name);
      }
    }
    expect(message).toContain('code');
    bound.close();
  });

  it('of another realm changes nothing either', () => {
    const context = { options: undefined as unknown as { port: number } };
    runInNewContext("Object.prototype.sharing = 'raw'; Object.prototype.nonsense = 1; options = { port: 0 }", context);
    const bound = new BoundSocket(context.options);
    expect(bound.exclusivity).toBe('full');
    bound.close();
  });
});

/** An object that counts how often each of its names is read. */
function counting<T extends object>(options: T) {
  const counts: Record<string, number> = {};
  const object = new Proxy(options, {
    get(target, name) {
      counts[String(name)] = (counts[String(name)] ?? 0) + 1;
      return Reflect.get(target, name);
    },
  });
  return { object, counts };
}

describe('each option is read once', () => {
  const once1 = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 1]));

  it('by BoundSocket, of every option', () => {
    const { object, counts } = counting({
      ...HERE,
      sharing: 'exclusive',
      leftovers: 'reuse',
      ipv6Only: false,
    } as const);
    new BoundSocket(object).close();
    expect(Math.max(...Object.values(counts))).toBe(1);
    expect(counts).toMatchObject(once1(['port', 'host', 'sharing', 'leftovers', 'ipv6Only', 'protocol', 'reserve']));
  });

  it('by listen(), also while it waits', async () => {
    const port = await serving();
    const wait = counting({ timeout: 60 });
    const { object, counts } = counting({ port, host: '127.0.0.1', wait: wait.object });
    await expect(listen(net.createServer(), object)).rejects.toThrow('waited 60 ms');
    expect(Math.max(...Object.values(counts))).toBe(1);
    expect(counts).toMatchObject(once1(['port', 'host', 'wait', 'signal', 'sharing']));
    expect(wait.counts).toEqual({ timeout: 1, signal: 1 });
  });

  it('by bindUdp(), connect(), inspectPort() and waitForPort()', async () => {
    const port = await serving();
    const udp = counting({ ...HERE });
    const datagrams = createSocket('udp4');
    await bindUdp(datagrams, udp.object);
    datagrams.close();
    const outgoing = counting({ port, host: '127.0.0.1', socketOptions: { TCP_NODELAY: true } });
    const socket = connect(outgoing.object);
    servers.push(socket);
    await once(socket, 'connect');
    const inspected = counting({ port, host: '127.0.0.1' });
    await inspectPort(inspected.object);
    const asked = counting({ port, host: '127.0.0.1' });
    const waiting = counting({ until: 'free', timeout: 60 } as const);
    await expect(waitForPort(asked.object, waiting.object)).rejects.toThrow('waited 60 ms');
    for (const { counts } of [udp, outgoing, inspected, asked, waiting]) {
      expect(Math.max(...Object.values(counts))).toBe(1);
      expect(Object.keys(counts).length).toBeGreaterThan(1);
    }
  });

  it('by connector(), whatever it is asked to connect to', async () => {
    const port = await serving();
    const options = counting({ socketOptions: { TCP_NODELAY: true } });
    const connecting = connector(options.object);
    for (let round = 0; round < 2; round++) {
      const target = counting({ hostname: '127.0.0.1', port: String(port) });
      const socket = await new Promise<net.Socket>((resolve, reject) => {
        connecting(target.object, (error, made) => (error ? reject(error) : resolve(made as net.Socket)));
      });
      servers.push(socket);
      expect(Math.max(...Object.values(target.counts))).toBe(1);
    }
    expect(options.counts).toMatchObject({ socketOptions: 1 });
    expect(Math.max(...Object.values(options.counts))).toBe(1);
  });

  it('of socketOptions too, so that no second answer slips an option in', () => {
    let isAsked = false;
    const names = () => {
      const first = !isAsked;
      isAsked = true;
      return first ? ['SO_KEEPALIVE'] : ['SO_KEEPALIVE', 'SO_REUSEPORT'];
    };
    const socketOptions = new Proxy({} as Record<string, boolean>, {
      ownKeys: names,
      getOwnPropertyDescriptor: (_, name) =>
        typeof name === 'string' ? { configurable: true, enumerable: true, value: true, writable: true } : undefined,
      get: () => true,
    });
    const bound = new BoundSocket({ ...HERE, socketOptions });
    expect(bound.getOption('SO_KEEPALIVE')).toBe(true);
    if (process.platform !== 'win32') expect(bound.getOption('SO_REUSEPORT')).toBe(false);
    bound.close();
  });

  it('and so is a value that is an object', () => {
    const linger = counting({ onoff: true, linger: 3 });
    const bound = new BoundSocket({ ...HERE, socketOptions: { SO_LINGER: linger.object } });
    expect(bound.getOption('SO_LINGER')).toEqual({ onoff: true, linger: 3 });
    expect(linger.counts).toMatchObject({ onoff: 1, linger: 1 });
    bound.close();
  });
});

class Options {
  get port() {
    return 0;
  }
  get host() {
    return '127.0.0.1';
  }
  get socketOptions() {
    return new SocketOptions();
  }
  describe() {
    return 'no option';
  }
}

class SocketOptions {
  get SO_KEEPALIVE() {
    return true;
  }
  describe() {
    return 'no option';
  }
}

describe('the getters of a class', () => {
  it('are options of BoundSocket and listen()', async () => {
    const bound = new BoundSocket(new Options());
    expect(bound.address().address).toBe('127.0.0.1');
    expect(bound.getOption('SO_KEEPALIVE')).toBe(true);
    bound.close();
    const server = net.createServer();
    servers.push(server);
    expect((await listen(server, new Options())).address).toBe('127.0.0.1');
  });

  it('are options of connect() and inspectPort()', async () => {
    const port = await serving();
    class Target extends Options {
      override get port() {
        return port;
      }
    }
    const socket = connect(new Target());
    servers.push(socket);
    await once(socket, 'connect');
    expect(socket.remotePort).toBe(port);
    class Asked {
      get port() {
        return port;
      }
    }
    expect(inspectPortSync(new Asked()).verdict).toBe('listening');
  });

  it('may come from an object without a prototype', () => {
    const defaults = Object.assign(Object.create(null) as object, { host: '127.0.0.1' });
    const bound = new BoundSocket(Object.create(defaults) as object);
    expect(bound.address().address).toBe('127.0.0.1');
    bound.close();
  });
});
