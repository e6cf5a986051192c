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

  it.each<[ValueType, unknown, Parameters<typeof encode>[3], number[]]>([
    ['timeval', 1500.25, 'linux', int(1, 0, 500_250, 0)],
    ['timeval', 1500, 'windows', int(1500)],
    ['void', undefined, 'linux', int(0)],
    ['uint8', 200, 'windows', [200]],
    ['uint16', 513, 'windows', [1, 2]],
    ['mtu_discover', 'do', 'linux', int(2)],
    ['mtu_discover', 'do', 'windows', int(1)],
    ['mtu_discover', 5, 'windows', int(5)],
    ['tcp_keepalive', { onoff: true, time: 1000, interval: 500 }, 'windows', int(1, 1000, 500)],
    ['tcp_initial_rto', { rtt: 300, retransmissions: 2 }, 'windows', int(300 | (2 << 16))],
    ['bytes', Buffer.from('abc'), 'linux', [97, 98, 99]],
    ['linger_sec', { onoff: true, linger: 5 }, 'darwin', int(1, 5)],
  ])('%s: %o on %s', (type, value, system, expected) => {
    expect(bytes(type, value, system)).toEqual(expected);
  });

  it('lays out a group membership as each system does', () => {
    const value = { group: '232.0.0.1', source: '10.0.0.1', interface: 2 };
    const sockaddr = (...start: number[]) => [...start, ...new Array<number>(128 - start.length).fill(0)];
    const four = (...address: number[]) => sockaddr(2, 0, 0, 0, ...address);
    const aligned = [...int(2, 0), ...four(232, 0, 0, 1), ...four(10, 0, 0, 1)];
    for (const system of ['linux', 'windows'] as const) {
      expect(bytes('group_source_req', value, system), system).toEqual(aligned);
    }
    const packed = [...int(2), ...sockaddr(16, 2, 0, 0, 232, 0, 0, 1), ...sockaddr(16, 2, 0, 0, 10, 0, 0, 1)];
    expect(bytes('group_source_req', value, 'darwin')).toEqual(packed);
    const six = { group: 'ff3e::1' };
    for (const [system, family] of [
      ['linux', [10, 0]],
      ['darwin', [28, 30]],
      ['windows', [23, 0]],
    ] as const) {
      const from = system === 'darwin' ? 4 : 8;
      const made = bytes('group_req', six, system);
      expect(made.slice(from, from + 10), system).toEqual([...family, 0, 0, 0, 0, 0, 0, 0xff, 0x3e]);
      expect(made.length, system).toBe(from + 128);
    }
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
    ['timeval', -1],
    ['timeval', Number.NaN],
    ['timeval', 2 ** 31],
    ['timeval', 0.0001],
    ['timeval', '5'],
    ['void', true],
    ['mtu_discover', 'never'],
    ['mtu_discover', 'not-set'],
    ['group_req', { group: 'all' }],
    ['group_source_req', { group: '232.0.0.1' }],
    ['tcp_keepalive', { onoff: 1, time: 1, interval: 1 }],
    ['tcp_initial_rto', { rtt: 65536, retransmissions: 1 }],
    ['uint8', 256],
    ['bytes', 'abc'],
    ['bytes', 5],
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
    ['timeval', 1500.25],
    ['mtu_discover', 'probe'],
    ['mtu_discover', 77],
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

  it('reads addresses as each system writes them', () => {
    const four = [0x1f, 0x90, 10, 0, 0, 1, ...new Array<number>(8).fill(0)];
    const expected = { address: '10.0.0.1', family: 'IPv4', port: 8080 };
    expect(decode('sockaddr', new Uint8Array([2, 0, ...four]), 'linux')).toEqual(expected);
    expect(decode('sockaddr', new Uint8Array([16, 2, ...four]), 'darwin')).toEqual(expected);
    const six = [0, 80, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 1, 0, 0, 0, 0];
    for (const [system, family] of [
      ['linux', [10, 0]],
      ['darwin', [28, 30]],
      ['windows', [23, 0]],
    ] as const) {
      const bytes = new Uint8Array([...family, ...six, ...int(1500)]);
      expect(decode('sockaddr', bytes, system)).toEqual({ address: '2001:db8::1', family: 'IPv6', port: 80 });
      expect(decode('mtuinfo', bytes, system)).toEqual({ address: '2001:db8::1', mtu: 1500 });
    }
  });

  it('reads who the peer is, and null where nobody is', () => {
    expect(decode('ucred', new Uint8Array(int(7, 8, 9)), 'linux')).toEqual({ pid: 7, uid: 8, gid: 9 });
    expect(decode('ucred', new Uint8Array(int(0, -1, -1)), 'linux')).toBeNull();
    const xucred = new Uint8Array([...int(0, 501), 2, 0, 0, 0, ...int(20, 12), ...new Array<number>(56).fill(0)]);
    expect(decode('xucred', xucred, 'darwin')).toEqual({ uid: 501, groups: [20, 12] });
    const uuid = new Uint8Array(16).map((_, index) => index);
    expect(decode('uuid', uuid, 'darwin')).toBe('00010203-0405-0607-0809-0a0b0c0d0e0f');
    expect(decode('uint32_list', new Uint8Array(int(4, 5)), 'linux')).toEqual([4, 5]);
    expect(decode('bytes', new Uint8Array([1, 2, 3]), 'linux')).toEqual(Buffer.from([1, 2, 3]));
  });
});
