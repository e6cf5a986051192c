// The addon by itself: what it makes of plans, handles and addresses that are not as they should be.
// @module-tag node
// @module-tag windows
// @module-tag sanitize
import { isSupported } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { addon } from '../../lib/addon.ts';
import { openSockets } from '../fixtures/descriptors.ts';
import { isLinux } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn, itOn, itWhere } from '../fixtures/systems.ts';

const { SOCK_STREAM = 0, AF_INET = 0, AF_INET6 = 0, EADDRINUSE = 0, EAFNOSUPPORT = 0 } = addon.constants;
const { SOL_SOCKET = 0, SO_RCVBUF = 0, SO_REUSEADDR = 0 } = addon.constants;

// No system has it.
const NO_OPTION = 0x7ffe;

const header = (backlog = 5) => [SOCK_STREAM, 1, backlog, EADDRINUSE, EAFNOSUPPORT];
const plan = (...words: number[]) => new Int32Array(words);

// native/plan.h: ops and sockets.
const [OPEN, SET, BIND, LISTEN, CLOSE, BIND_OR_ALONE] = [1, 2, 3, 4, 5, 6];
const [OURS, GUARD, THIRD] = [0, 1, 2];
const SERVE = [2, BIND, OURS, 0, LISTEN, OURS];
const PLAIN = plan(...header(), 0, 1, ...SERVE);
const descriptors = () => (isLinux ? openSockets() : []);
const oneStep = (...words: number[]) => plan(...header(), 0, 1, 1, ...words);

describe('open()', () => {
  it('runs a plan, and refuses the same address a second time', () => {
    const handle = addon.open(PLAIN, '127.0.0.1', 0);
    expect(handle).toBeGreaterThan(0);
    const { port } = addon.localAddress(handle) as { port: number };
    expect(addon.open(PLAIN, '127.0.0.1', port)).toBe(-1);
    expect([...addon.status]).toEqual([EADDRINUSE, 3, 0, 0, 0, -1, 0]);
    expect(addon.close(handle)).toBe(0);
  });

  it.each([
    ['nothing', plan()],
    ['half a header', plan(SOCK_STREAM, 1)],
    ['no round', plan(SOCK_STREAM, 0, 5, EADDRINUSE, EAFNOSUPPORT, 0, 1, ...SERVE)],
    ['no attempt', plan(...header(), 0, 0)],
    ['an attempt cut short', plan(...header(), 0, 1, 2, BIND, OURS, 0)],
    ['more than a plan', plan(...header(), 0, 1, ...SERVE, 0)],
    ['more settings than words', plan(...header(), 1000, SOL_SOCKET, SO_RCVBUF, 4, 1)],
    ['a value longer than the plan', plan(...header(), 1, SOL_SOCKET, SO_RCVBUF, 400, 1, 1, ...SERVE)],
    ['a value of negative length', plan(...header(), 1, SOL_SOCKET, SO_RCVBUF, -4, 1, 1, ...SERVE)],
    ['a value of the greatest length', plan(...header(), 1, SOL_SOCKET, SO_RCVBUF, 2 ** 31 - 1, 1, 1, ...SERVE)],
    ['attempts without end', plan(...header(), 0, 2 ** 31 - 1, ...SERVE)],
    ['steps without end', plan(...header(), 0, 1, 2 ** 31 - 1, BIND, OURS, 0)],
    ['a step of no kind', oneStep(6, OURS)],
    ['a socket of no kind', oneStep(BIND, 3, 0)],
    ['a negative socket', oneStep(BIND, -1, 0)],
    ['our own socket opened', oneStep(OPEN, OURS, AF_INET)],
    ['our own socket closed', oneStep(CLOSE, OURS)],
    ['a guard that listens', oneStep(LISTEN, GUARD)],
    ['an address of no family', oneStep(BIND, OURS, 8, 0, 0)],
    ['an address longer than the plan', oneStep(BIND, OURS, 16, 0)],
    ['a guard that is bound or alone', oneStep(BIND_OR_ALONE, GUARD, 0)],
    ['an address longer than the plan, or alone', oneStep(BIND_OR_ALONE, OURS, 16, 0)],
  ])('throws at %s', (_, words) => {
    expect(() => addon.open(words, '127.0.0.1', 0)).toThrow(TypeError);
  });

  // macOS has no 127.0.0.2.
  itOn('linux')(
    'leaves a guard open if the plan does, on the port of ours, and closes nothing that is not its own',
    () => {
      const before = descriptors();
      const guarded = [4, OPEN, GUARD, AF_INET, BIND, GUARD, 4, 0x0100007f, BIND, OURS, 4, 0x0200007f, LISTEN, OURS];
      const handle = addon.open(plan(...header(), 0, 1, ...guarded), '127.0.0.3', 0);
      const guard = addon.status[5] as number;
      expect(handle).toBeGreaterThan(0);
      expect(addon.localPort(guard)).toBe(addon.localPort(handle));
      expect(addon.localAddress(guard)).toMatchObject({ address: '127.0.0.1' });
      expect(addon.localAddress(handle)).toMatchObject({ address: '127.0.0.2' });
      for (const socket of [handle, guard]) expect(addon.close(socket)).toBe(0);
      expect(descriptors()).toEqual(before);
    },
  );

  it('binds a socket that is given, and leaves it with its owner when that fails', () => {
    const taken = addon.open(PLAIN, '127.0.0.1', 0);
    const given = addon.socket(AF_INET, SOCK_STREAM);
    const before = descriptors();
    const helped = [2, OPEN, THIRD, AF_INET, BIND, OURS, 0];
    expect(addon.open(plan(...header(), 0, 1, ...helped), '127.0.0.1', addon.localPort(taken), given)).toBe(-1);
    expect(addon.status[0]).toBe(EADDRINUSE);
    expect(descriptors()).toEqual(before);
    expect(addon.open(PLAIN, '127.0.0.1', 0, given)).toBe(given);
    for (const socket of [taken, given]) expect(addon.close(socket)).toBe(0);
  });

  const bindGuard = [OPEN, GUARD, AF_INET, BIND, GUARD, 4, 0x0100007f];
  const orAlone = [4, ...bindGuard, BIND_OR_ALONE, OURS, 0, LISTEN, OURS];

  it('closes the guard where ours is refused beside it, and binds alone', () => {
    const before = descriptors();
    const handle = addon.open(plan(...header(), 0, 1, ...orAlone), '127.0.0.1', 0);
    expect(handle).toBeGreaterThan(0);
    expect(addon.status[5]).toBe(-1);
    expect(addon.localPort(handle)).toBeGreaterThan(0);
    expect(addon.close(handle)).toBe(0);
    expect(descriptors()).toEqual(before);
  });

  // Linux 6.3. The guard can be given one port alone, and ours any.
  itWhere(isSupported('IP_LOCAL_PORT_RANGE'))('binds alone on the port that the guard was given', () => {
    // An address of nobody else's, on which nobody takes the port meanwhile.
    const [address, word] = ['127.77.0.9', 0x09004d7f];
    const closed = addon.open(PLAIN, address, 0);
    const port = addon.localPort(closed);
    addon.close(closed);
    const { IPPROTO_IP = 0, IP_LOCAL_PORT_RANGE = 0 } = addon.constants;
    const [opened, bound] = [bindGuard.slice(0, 3), [BIND, GUARD, 4, word]];
    const chosen = [SET, GUARD, 1, IPPROTO_IP, IP_LOCAL_PORT_RANGE, 4, port * 0x10001];
    const words = plan(...header(), 0, 1, 4, ...opened, ...chosen, ...bound, BIND_OR_ALONE, OURS, 0);
    const handle = addon.open(words, address, 0);
    expect(addon.localPort(handle)).toBe(port);
    expect(addon.close(handle)).toBe(0);
  });

  it('ends where the guard is refused, and never binds alone then', () => {
    const taken = addon.open(PLAIN, '127.0.0.1', 0);
    const before = descriptors();
    const asked = isLinux ? '127.0.0.2' : '127.0.0.1';
    expect(addon.open(plan(...header(), 0, 1, ...orAlone), asked, addon.localPort(taken))).toBe(-1);
    const { status } = addon;
    expect({ error: status[0], slot: status[6] }).toEqual({ error: EADDRINUSE, slot: GUARD });
    expect(descriptors()).toEqual(before);
    expect(addon.close(taken)).toBe(0);
  });

  // macOS has no 127.0.0.2.
  itOn('linux')('closes both where ours is refused alone too', () => {
    // One that the system chooses for 127.0.0.2 may be somebody's on the guard's address.
    const taken = addon.open(PLAIN, '127.0.0.2', ownPort());
    const before = descriptors();
    expect(addon.open(plan(...header(), 0, 1, ...orAlone), '127.0.0.2', addon.localPort(taken))).toBe(-1);
    const { status } = addon;
    expect({ error: status[0], step: status[1], slot: status[6] }).toEqual({ error: EADDRINUSE, step: 3, slot: OURS });
    expect(descriptors()).toEqual(before);
    expect(addon.close(taken)).toBe(0);
  });

  it('goes on to the next attempt with what is set there, and tells which it was', () => {
    const taken = addon.open(PLAIN, '127.0.0.1', 0);
    const reuse = [SET, OURS, 1, SOL_SOCKET, SO_REUSEADDR, 4, 1, BIND, OURS, 0];
    // Both refused: a listener is shared with nobody.
    const both = plan(...header(-1), 0, 2, 1, BIND, OURS, 0, 2, ...reuse);
    expect(addon.open(both, '127.0.0.1', addon.localPort(taken))).toBe(-1);
    expect(addon.status[2]).toBe(1);
    expect(addon.close(taken)).toBe(0);
  });

  it.each(['', 'localhost', '1.2.3', '1'.repeat(1000), '127.0.0.1\0'])('throws at the address %j', (host) => {
    expect(() => addon.open(PLAIN, host, 0)).toThrow(TypeError);
  });

  it.each([
    ['open', []],
    ['open', [[1, 2, 3], '127.0.0.1', 0]],
    ['open', [new Uint8Array(32), '127.0.0.1', 0]],
    ['open', [PLAIN, 5, 0]],
    ['bind', [1, plan(0), undefined, 0]],
    ['set', [1, 'settings']],
    ['set', [1, plan(1, 2)]],
  ] as const)('%s(%o) throws', (name, args) => {
    expect(() => (addon[name] as (...args: unknown[]) => unknown)(...args)).toThrow(TypeError);
  });

  it('tells which option was refused', () => {
    expect(addon.open(plan(...header(), 1, SOL_SOCKET, NO_OPTION, 4, 1, 1, ...SERVE), '127.0.0.1', 0)).toBe(-1);
    const [error, step, , level, option] = addon.status;
    expect(error).toBeGreaterThan(0);
    expect([step, level, option]).toEqual([2, SOL_SOCKET, NO_OPTION]);
  });

  // The name of loopback.
  itOn('linux')('takes a zone by name and by number', () => {
    needs('IPv6');
    for (const zone of ['lo', '1']) {
      const handle = addon.open(PLAIN, `::1%${zone}`, 0);
      expect(addon.localAddress(handle)).toMatchObject({ address: '::1', family: 6 });
      addon.close(handle);
    }
  });

  it('takes what is neither for no zone', () => {
    needs('IPv6');
    // A link-local address that no interface has. Linux's first interface is "lo", and it refuses in another way there.
    const refusal = (end: string) => {
      const socket = addon.socket(AF_INET6, SOCK_STREAM);
      const error = addon.bind(socket, plan(0), `fe80::e:b${end}`, 0);
      addon.close(socket);
      return error;
    };
    if (isLinux) expect(refusal('%1')).not.toBe(refusal(''));
    for (const zone of ['4294967297', '-4294967295', ' 1', '+1', '1x']) {
      expect(refusal(`%${zone}`), zone).toBe(refusal(''));
    }
  });
});

describe('handles', () => {
  it('of others are left alone by close() and release()', () => {
    expect(addon.close(0)).toBe(0);
    expect(addon.release(0)).toBe(false);
    expect(addon.close(-1)).toBe(0);
    expect(process.stdin).toBeDefined();
  });

  it('that are no sockets are errors, not crashes', () => {
    for (const handle of [-1, 2 ** 31 - 1, Number.NaN, 1e300, -1e300]) {
      expect(addon.get(handle, SOL_SOCKET, SO_RCVBUF, 4)).toBeGreaterThan(0);
      expect(addon.localAddress(handle)).toBeGreaterThan(0);
      expect(addon.listen(handle, plan(0), 5)).toBeGreaterThan(0);
      expect(addon.set(handle, plan(1, SOL_SOCKET, SO_RCVBUF, 4, 4096))).toBeGreaterThan(0);
    }
  });

  it('can be released once, and are then nobody’s here', () => {
    const handle = addon.socket(AF_INET, SOCK_STREAM);
    expect(addon.release(handle)).toBe(true);
    expect(addon.release(handle)).toBe(false);
    expect(addon.close(handle)).toBe(0);
    // Still open, and still unbound.
    expect(addon.bind(handle, plan(0), '127.0.0.1', 0)).toBe(0);
  });
});

describe('get()', () => {
  it('never writes past what it was asked for', () => {
    const handle = addon.socket(AF_INET, SOCK_STREAM);
    for (const length of [0, 1, 3, 4, 64, 2 ** 20, -5]) {
      const value = addon.get(handle, SOL_SOCKET, SO_RCVBUF, length);
      if (typeof value !== 'number') expect(value.length).toBeLessThanOrEqual(Math.max(0, length));
    }
    addon.close(handle);
  });
});

describeOn('linux')('getInt()', () => {
  it('writes four bytes at most of an option that counts in longer units', () => {
    const { SO_ATTACH_FILTER = 0, SO_GET_FILTER = 0 } = addon.constants;
    const handle = addon.socket(AF_INET, SOCK_STREAM);
    // One instruction of eight bytes: return everything (BPF_RET | BPF_K).
    expect(addon.attachFilter(handle, SO_ATTACH_FILTER, new Uint8Array([6, 0, 0, 0, 255, 255, 255, 255]))).toBe(0);
    addon.call.set([handle, SOL_SOCKET, SO_GET_FILTER, 0]);
    expect(addon.getInt()).toBe(0);
    expect(addon.call[3]).toBe(0);
    addon.close(handle);
  });
});
