// The ports that the matrix takes, whatever a system calls ephemeral.
import type * as fs from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { System } from '../../lib/platform.ts';
import type { Wish } from '../../matrix/party.ts';

const played = vi.hoisted(() => ({ system: 'linux' as System, range: '', isTaken: false, wishes: [] as Wish[] }));

vi.mock('../../lib/platform.ts', () => ({
  get system() {
    return played.system;
  },
}));
vi.mock('../../matrix/party.ts', () => ({
  Party: class {
    bind(wish: Wish) {
      played.wishes.push(wish);
      return played.isTaken ? 'EADDRINUSE' : 'ok';
    }
    close() {}
  },
}));
vi.mock('node:fs', async (original) => ({ ...(await original<typeof fs>()), readFileSync: () => played.range }));

async function portsOf(system: System, range = '') {
  Object.assign(played, { system, range });
  vi.resetModules();
  const { freePorts } = await import('../../matrix/ports.ts');
  return freePorts();
}

beforeEach(() => {
  Object.assign(played, { isTaken: false, wishes: [] });
});

describe('free ports', () => {
  it.each<[what: string, system: System, range: string, from: number, to: number]>([
    ['below the ephemeral ones', 'linux', '32768\t60999\n', 12_768, 32_767],
    ['below the ephemeral ones of macOS', 'darwin', '', 29_152, 49_151],
    ['unprivileged', 'linux', '10240\t65535\n', 1024, 10_239],
    ['enough', 'linux', '5024\t65535\n', 1024, 5023],
    ['among the ephemeral ones where too few are left', 'linux', '5023\t65535\n', 45_535, 65_535],
  ])('are %s', async (_, system, range, from, to) => {
    const ports = await portsOf(system, range);
    const count = to - from + 1;
    const all = Array.from({ length: count }, () => ports.next().value);
    expect([Math.min(...all), Math.max(...all), new Set(all).size]).toEqual([from, to, count]);
    expect(() => ports.next()).toThrow(`too few ports from ${from} to ${to} are free on every address`);
  });

  it.each<[System, string]>([
    ['linux', 'none'],
    ['darwin', 'none'],
    ['windows', 'exclusive'],
  ])('are asked for on %s by sharing %s', async (system, sharing) => {
    (await portsOf(system, '32768\t60999\n')).next();
    expect(played.wishes.map((wish) => [wish.protocol, wish.address, wish.sharing])).toEqual(
      ['tcp', 'udp'].flatMap((protocol) => ['0.0.0.0', '::'].map((address) => [protocol, address, sharing])),
    );
  });

  it('are none if somebody has them all', async () => {
    const ports = await portsOf('linux', '32768\t60999\n');
    played.isTaken = true;
    expect(() => ports.next()).toThrow('too few ports from 12768 to 32767');
  });
});
