// The addon by itself: what it makes of plans, handles and addresses that are not as they should be.
// @module-tag node
// @module-tag windows
// @module-tag sanitize
import { describe, expect, it } from 'vitest';
import { addon } from '../../lib/addon.ts';
import { hasIpv6, isLinux } from '../fixtures/facts.ts';

const { SOCK_STREAM = 0, AF_INET = 0, EADDRINUSE = 0, SOL_SOCKET = 0, SO_RCVBUF = 0 } = addon.constants;

// No system has it.
const NO_OPTION = 0x7ffe;

const header = (backlog = 5) => [SOCK_STREAM, 1, backlog, EADDRINUSE];
const plan = (...words: number[]) => new Int32Array(words);
const PLAIN = plan(...header(), 0, 1, 0, 0);

describe('open()', () => {
  it('runs a plan, and refuses the same address a second time', () => {
    const handle = addon.open(PLAIN, '127.0.0.1', 0);
    expect(handle).toBeGreaterThan(0);
    const { port } = addon.localAddress(handle) as { port: number };
    expect(addon.open(PLAIN, '127.0.0.1', port)).toBe(-1);
    expect([...addon.status]).toEqual([EADDRINUSE, 3, 0, 0, 0]);
    expect(addon.close(handle)).toBe(0);
  });

  it.each([
    ['nothing', plan()],
    ['half a header', plan(SOCK_STREAM, 1)],
    ['no round', plan(SOCK_STREAM, 0, 5, EADDRINUSE, 0, 1, 0, 0)],
    ['no attempt', plan(...header(), 0, 0)],
    ['an attempt cut short', plan(...header(), 0, 1, 0)],
    ['more than a plan', plan(...header(), 0, 1, 0, 0, 0)],
    ['more settings than words', plan(...header(), 1000, SOL_SOCKET, SO_RCVBUF, 4, 1)],
    ['a value longer than the plan', plan(...header(), 1, SOL_SOCKET, SO_RCVBUF, 400, 1, 1, 0, 0)],
    ['a value of negative length', plan(...header(), 1, SOL_SOCKET, SO_RCVBUF, -4, 1, 1, 0, 0)],
    ['a value of the greatest length', plan(...header(), 1, SOL_SOCKET, SO_RCVBUF, 2 ** 31 - 1, 1, 1, 0, 0)],
    ['attempts without end', plan(...header(), 0, 2 ** 31 - 1, 0, 0)],
  ])('throws at %s', (_, words) => {
    expect(() => addon.open(words, '127.0.0.1', 0)).toThrow(TypeError);
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
    expect(addon.open(plan(...header(), 1, SOL_SOCKET, NO_OPTION, 4, 1, 1, 0, 0), '127.0.0.1', 0)).toBe(-1);
    const [error, step, , level, option] = addon.status;
    expect(error).toBeGreaterThan(0);
    expect([step, level, option]).toEqual([2, SOL_SOCKET, NO_OPTION]);
  });

  it('takes a zone by name and by number', (context) => {
    if (!hasIpv6 || !isLinux) return context.skip('no interface of a known name with IPv6');
    for (const zone of ['lo', '1']) {
      const handle = addon.open(PLAIN, `::1%${zone}`, 0);
      expect(addon.localAddress(handle)).toMatchObject({ address: '::1', family: 6 });
      addon.close(handle);
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
