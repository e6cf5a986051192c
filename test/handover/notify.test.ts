// notify: each notice as sd_notify(3) writes it, to paths and abstract names, with descriptors; nothing where nobody asks.
// @module-tag node
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BoundSocket } from 'exactbind';
import { notify } from 'exactbind/handover';
import { afterEach, expect, it } from 'vitest';
import { needs } from '../fixtures/needs.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';
import { codeOf } from '../fixtures/thrown.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  delete process.env.NOTIFY_SOCKET;
  for (const end of ends.splice(0)) await end();
});

const RECEIVER = `
import array, json, os, socket, sys
path = sys.argv[1]
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(path.replace('@', '\\0', 1) if path.startswith('@') else path)
print(json.dumps('bound'), flush=True)
while True:
    data, control, flags, _ = inbox.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
    fds = array.array('i')
    for _, _, passed in control:
        fds.frombytes(passed)
    names = []
    for fd in fds:
        taken = socket.socket(fileno=fd)
        names.append(taken.getsockname()[1])
        taken.close()
    print(json.dumps([data.decode(), names]), flush=True)
`;

/** What plays systemd's part; returns what reads the next notice. */
async function receive(path: string) {
  needs('python3');
  const child = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  ends.push(() => {
    child.kill();
    return ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  await next();
  process.env.NOTIFY_SOCKET = path;
  return next as () => Promise<[text: string, ports: number[]]>;
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'exactbind-notify-'));
  ends.push(() => rmSync(made, { recursive: true }));
  return made;
}

const inFolder = () => join(folder(), 'notify');

describeOn('linux', 'darwin')('notify', () => {
  it('sends what sd_notify(3) documents', async () => {
    const next = await receive(inFolder());
    const before = process.hrtime.bigint() / 1000n;
    expect([notify.ready(), notify.ready({ mainPid: 4711 }), notify.stopping(), notify.status('warm')]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(await next()).toEqual(['READY=1', []]);
    expect(await next()).toEqual(['MAINPID=4711\nREADY=1', []]);
    expect(await next()).toEqual(['STOPPING=1', []]);
    expect(await next()).toEqual(['STATUS=warm', []]);
    notify.reloading();
    const [text] = await next();
    const [, microseconds = ''] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(text) ?? [];
    expect(BigInt(microseconds)).toBeGreaterThanOrEqual(before);
    expect(BigInt(microseconds)).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
  });

  it('passes sockets with their names, one notice each, and has them removed', async () => {
    const next = await receive(inFolder());
    const sockets = [new BoundSocket({ port: 0 }), new BoundSocket({ port: 0 })];
    const ports = sockets.map((socket) => socket.address().port);
    notify.storeSockets(sockets.map((socket, at) => ({ name: `web-${at}`, socket })));
    expect(await next()).toEqual(['FDSTORE=1\nFDNAME=web-0', [ports[0]]]);
    expect(await next()).toEqual(['FDSTORE=1\nFDNAME=web-1', [ports[1]]]);
    notify.removeStored('web-0');
    expect(await next()).toEqual(['FDSTOREREMOVE=1\nFDNAME=web-0', []]);
    for (const socket of sockets) socket.close();
  });

  it('passes none of a list of which one is wrong', async () => {
    const next = await receive(inFolder());
    const socket = new BoundSocket({ port: 0 });
    const sockets = [
      { name: 'good', socket },
      { name: 'b d', socket },
    ];
    expect(codeOf(() => notify.storeSockets(sockets))).toBe('ERR_INVALID_ARG_VALUE');
    notify.status('after');
    expect(await next()).toEqual(['STATUS=after', []]);
    socket.close();
  });

  itOn('linux')('reaches an abstract name', async () => {
    const next = await receive(`@exactbind-${process.pid}`);
    expect(notify.status('x')).toBe(true);
    expect(await next()).toEqual(['STATUS=x', []]);
  });

  it('does nothing where nobody asks', () => {
    const socket = new BoundSocket({ port: 0 });
    expect([notify.ready(), notify.reloading(), notify.stopping(), notify.status('x')]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect([notify.storeSockets([{ name: 'a', socket }]), notify.removeStored('a')]).toEqual([false, false]);
    process.env.NOTIFY_SOCKET = '';
    expect(notify.ready()).toBe(false);
    socket.close();
  });

  it('throws what the system refuses', () => {
    process.env.NOTIFY_SOCKET = inFolder();
    expect(codeOf(() => notify.ready())).toBe('ENOENT');
    expect(existsSync(process.env.NOTIFY_SOCKET)).toBe(false);
    process.env.NOTIFY_SOCKET = `/${'x'.repeat(200)}`;
    expect(codeOf(() => notify.ready())).toBe('ENAMETOOLONG');
    process.env.NOTIFY_SOCKET = 'vsock:2:1234';
    expect(codeOf(() => notify.ready())).toBe('ENOTSUP');
  });

  it.each([
    ['a pid that is none', () => notify.ready({ mainPid: 0 }), 'ERR_OUT_OF_RANGE'],
    ['a pid of another type', () => notify.ready({ mainPid: '1' as never }), 'ERR_INVALID_ARG_TYPE'],
    ['a name of an option that is none', () => notify.ready({ pid: 1 } as never), 'ERR_INVALID_ARG_VALUE'],
    ['a second assignment in a status', () => notify.status('x\nMAINPID=1'), 'ERR_INVALID_ARG_VALUE'],
    ['a pid that is no whole number', () => notify.ready({ mainPid: 1.5 }), 'ERR_OUT_OF_RANGE'],
    ['a status that is no text', () => notify.status(1 as never), 'ERR_INVALID_ARG_TYPE'],
    ['a zero byte in a status', () => notify.status('x\0'), 'ERR_INVALID_ARG_VALUE'],
    ['a colon in a name', () => notify.removeStored('a:b'), 'ERR_INVALID_ARG_VALUE'],
    ['a blank in a name', () => notify.removeStored('a b'), 'ERR_INVALID_ARG_VALUE'],
    ['a name that is too long', () => notify.removeStored('a'.repeat(256)), 'ERR_INVALID_ARG_VALUE'],
    ['no name', () => notify.removeStored(''), 'ERR_INVALID_ARG_VALUE'],
    ['a name that is no text', () => notify.removeStored(1 as never), 'ERR_INVALID_ARG_TYPE'],
    ['no list', () => notify.storeSockets({} as never), 'ERR_INVALID_ARG_TYPE'],
    ['no socket', () => notify.storeSockets([{ name: 'a', socket: {} as never }]), 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s', (_, act, code) => {
    process.env.NOTIFY_SOCKET = '/nowhere';
    expect(codeOf(act)).toBe(code);
  });
});
