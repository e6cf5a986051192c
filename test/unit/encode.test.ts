// The bytes of option values, for every system on every system.
import { describe, expect, it } from 'vitest';
import { decode, encode, lengthOf, type ValueType } from '../../lib/socket-options/encode.ts';

const bytes = (type: ValueType, value: unknown, system: Parameters<typeof encode>[3] = 'linux') => [
  ...encode('OPTION', type, value, system),
];
const int = (...values: number[]) => [...new Uint8Array(new Int32Array(values).buffer)];

describe('encode()', () => {
  it.each<[ValueType, unknown, number[]]>([
    ['bool', true, int(1)],
    ['bool', false, int(0)],
    ['int', -1, int(-1)],
    ['uint32', 2 ** 32 - 1, int(-1)],
    ['uint64', 1n << 33n, int(0, 2)],
    ['string', 'bbr', [98, 98, 114, 0]],
    ['ifname', '', [0]],
    ['ifindex_be', 1, [0, 0, 0, 1]],
    ['port_range', { low: 40000, high: 40100 }, int(40000 | (40100 << 16))],
    ['in_addr', '224.0.0.1', [224, 0, 0, 1]],
    ['ip_mreq', { group: '224.0.0.1' }, [224, 0, 0, 1, 0, 0, 0, 0]],
    ['ipv6_mreq', { group: 'ff02::1', interface: 2 }, [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, ...int(2)]],
  ])('%s (%#)', (type, value, expected) => {
    expect(bytes(type, value)).toEqual(expected);
  });

  it('takes the seconds of SO_LINGER on every system', () => {
    const linger = { onoff: true, linger: 5 };
    expect(bytes('linger', linger, 'linux')).toEqual(int(1, 5));
    expect(bytes('linger', linger, 'darwin')).toEqual(int(1, 500));
    expect(bytes('linger', linger, 'windows')).toEqual([1, 0, 5, 0]);
    for (const [system, most] of [
      ['darwin', 327],
      ['windows', 65535],
    ] as const) {
      expect(() => bytes('linger', { onoff: true, linger: most + 1 }, system)).toThrow(RangeError);
      expect(decode('linger', new Uint8Array(bytes('linger', { onoff: true, linger: most }, system)), system)).toEqual({
        onoff: true,
        linger: most,
      });
    }
  });

  it('orders the bytes of an interface index as each system does', () => {
    const [network, host] = [[0, 0, 0, 1], int(1)];
    expect(bytes('ifindex_be', 1, 'windows')).toEqual(network);
    expect(decode('ifindex_be', new Uint8Array(host), 'windows')).toBe(1);
    expect(bytes('ifindex_be6', 1, 'linux')).toEqual(network);
    expect(bytes('ifindex_be6', 1, 'windows')).toEqual(host);
    expect(decode('ifindex_be6', new Uint8Array(host), 'windows')).toBe(1);
  });

  it('orders a source membership as each system does', () => {
    const value = { group: '232.0.0.1', source: '10.0.0.1', interface: '127.0.0.1' };
    expect(bytes('ip_mreq_source', value, 'linux')).toEqual([232, 0, 0, 1, 127, 0, 0, 1, 10, 0, 0, 1]);
    expect(bytes('ip_mreq_source', value, 'darwin')).toEqual([232, 0, 0, 1, 10, 0, 0, 1, 127, 0, 0, 1]);
  });

  it.each<[ValueType, unknown]>([
    ['bool', 1],
    ['int', 2 ** 31],
    ['int', 1.5],
    ['uint32', -1],
    ['uint64', 1],
    ['uint64', 1n << 64n],
    ['string', 'sixteen-letters-'],
    ['string', 'a\0b'],
    ['linger', null],
    ['linger', { onoff: 1, linger: 0 }],
    ['port_range', { low: 1, high: 65536 }],
    ['in_addr', '::1'],
    ['ip_mreq', { group: 'all' }],
    ['ipv6_mreq', { group: 'ff02::1%lo' }],
  ])('refuses %s (%#)', (type, value) => {
    expect(() => bytes(type, value)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }));
  });
});

describe('decode()', () => {
  it.each<[ValueType, unknown]>([
    ['bool', true],
    ['int', -7],
    ['uint32', 2 ** 32 - 1],
    ['uint64', (1n << 63n) + 1n],
    ['string', 'cubic'],
    ['linger', { onoff: true, linger: 9 }],
    ['port_range', { low: 1024, high: 65535 }],
    ['in_addr', '10.1.2.3'],
    ['ifindex_be', 3],
  ])('%s (%#) comes back', (type, value) => {
    expect(decode(type, encode('OPTION', type, value, 'linux'), 'linux')).toEqual(value);
  });

  it('reads a flag bit and a single byte as true, and pads what is short', () => {
    expect(decode('bool', new Uint8Array([0, 16, 0, 0]), 'darwin')).toBe(true);
    expect(decode('bool', new Uint8Array([1]), 'windows')).toBe(true);
    expect(decode('bool', new Uint8Array([0]), 'windows')).toBe(false);
    expect(decode('int', new Uint8Array([64]), 'linux')).toBe(64);
    expect(lengthOf('uint64')).toBe(8);
  });
});
