// Every option on every kind of socket: reading and setting back changes nothing, refusals are known ones, and what a listener hands on.
// @module-tag windows
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net, { type AddressInfo, type Socket } from 'node:net';
import { BoundSocket, type GettableName, getOption, isSupported, type SettableName, setOption } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { isLinux, isWindows } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { OPTION_KINDS, openKind } from '../fixtures/socket-kinds.ts';
import { describeOn } from '../fixtures/systems.ts';

interface Row {
  name: string;
  type: string;
  tier: 'A' | 'B' | 'C' | 'D';
  direction?: 'get' | 'set';
  protocol: string;
  linux?: number;
  darwin?: number;
  windows?: number;
  inherited?: boolean;
}
const own = isWindows ? 'windows' : isLinux ? 'linux' : 'darwin';
const rows = (JSON.parse(readFileSync(new URL('../../native/options.json', import.meta.url), 'utf8')) as Row[]).filter(
  (row) => row.tier !== 'D' && row[own] !== undefined,
);

// How a system says that this socket, this state or this user does not get an option.
const REFUSALS = [
  'EACCES',
  'EADDRNOTAVAIL',
  'EBUSY',
  'EFAULT',
  'EINVAL',
  'EISCONN',
  'ENODATA',
  'ENODEV',
  'ENOENT',
  'ENOMEM',
  'ENOPROTOOPT',
  'ENOTCONN',
  'ENOTSUP',
  'EPERM',
  'ERANGE',
  'ESRCH',
];

/** What an act answers: its value, or the code of what the system refused. */
function answer<T>(act: () => T): { value: T } | { code: string } {
  try {
    return { value: act() };
  } catch (error) {
    const { code = '', syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined || !REFUSALS.includes(code)) throw error;
    return { code };
  }
}

const get = (socket: Parameters<typeof getOption>[0], name: string) =>
  answer(() => getOption(socket, name as GettableName) as unknown);
const set = (socket: Parameters<typeof getOption>[0], name: string, value: unknown) =>
  answer(() => setOption(socket, name as SettableName, value as never));

// These answer for the moment, or (SO_PEERPIDFD) open a descriptor at each read.
const OF_THE_MOMENT = [
  'SO_ERROR',
  'SO_PEERPIDFD',
  'SO_INCOMING_CPU',
  'TCP_INFO',
  'TCP_CONNECTION_INFO',
  'TCP_TIMESTAMP',
  'TCP_QUICKACK',
];
// What is set is not what is read: the kernel reckons with twice as much (socket(7)), or with what the peer allows.
const DOUBLED = isLinux ? ['SO_RCVBUF', 'SO_SNDBUF'] : [];
const CLAMPED = ['TCP_MAXSEG', 'TCP_WINDOW_CLAMP'];

describe.each(OPTION_KINDS)('on %s', (kind) => {
  it('what is read and set back reads the same, and each refusal is a known one', async () => {
    const { socket, close } = await openKind(kind);
    const unstable: unknown[] = [];
    let readable = 0;
    for (const { name, direction, tier } of rows) {
      if (direction === 'set' || OF_THE_MOMENT.includes(name)) continue;
      const first = get(socket, name);
      if ('code' in first) continue;
      readable++;
      if (direction === undefined && tier !== 'C' && !CLAMPED.includes(name)) {
        const value = DOUBLED.includes(name) ? (first.value as number) / 2 : first.value;
        set(socket, name, value);
      }
      const second = get(socket, name);
      try {
        expect(second).toEqual(first);
      } catch {
        unstable.push([name, first, second]);
      }
    }
    await close();
    expect(unstable).toEqual([]);
    if (isLinux) expect(readable).toBeGreaterThan(kind.startsWith('unix') ? 20 : 50);
  });
});

describeOn('linux')('what a listener hands on', () => {
  // A value that is not the default, for each type.
  const OTHERS: Record<string, (value: never) => unknown> = {
    bool: (value: boolean) => !value,
    int: (value: number) => (value > 60 ? value - 1 : value + 2),
    uint32: (value: number) => value + 1000,
    uint64: () => 1_000_000n,
    linger: () => ({ onoff: true, linger: 9 }),
    timeval: () => 2000,
    string: (value: string) => (value === 'cubic' ? 'reno' : 'cubic'),
    ifname: () => 'lo',
    ifindex: () => 1,
    ifindex_be: () => 1,
    ifindex_be6: () => 1,
    port_range: () => ({ low: 40_000, high: 40_100 }),
    mtu_discover: () => 'do',
    in_addr: () => '127.0.0.1',
  };
  const CHOSEN: Record<string, unknown> = {
    TCP_RTO_MAX_MS: 60_000,
    TCP_RTO_MIN_US: 100_000,
    TCP_DELACK_MAX_US: 100_000,
    TCP_MAXSEG: 1000,
    TCP_FASTOPEN: 5,
    TCP_SAVE_SYN: 1,
    TCP_DEFER_ACCEPT: 3,
    TCP_SYNCNT: 4,
    SO_RESERVE_MEM: 0,
    IP_TOS: 0x10,
    IPV6_TCLASS: 0x10,
    IP_TTL: 33,
    IPV6_UNICAST_HOPS: 33,
  };

  /** Whether a connection has what its listener was given before; undefined where there is nothing to compare. */
  async function isInherited({ name, type }: Row): Promise<boolean | undefined> {
    const host = name.startsWith('IPV6_') ? '::1' : '127.0.0.1';
    using bound = new BoundSocket({ port: 0, host, reserve: true, sharing: 'raw' });
    // As a descriptor: BoundSocket keeps the options that its own decide.
    const fd = bound.fd();
    const before = get(fd, name);
    const other = OTHERS[type];
    if ('code' in before || (other === undefined && !(name in CHOSEN))) return undefined;
    if ('code' in set(fd, name, CHOSEN[name] ?? other?.(before.value as never))) return undefined;
    const after = get(fd, name);
    if ('code' in after || JSON.stringify(after, big) === JSON.stringify(before, big)) return undefined;

    const server = net.createServer().listen(bound);
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = net.connect((server.address() as AddressInfo).port, host);
    // TCP_DEFER_ACCEPT waits for it.
    client.write('x');
    const plain = net.createServer().listen(0, host);
    await once(plain, 'listening');
    const plainAccepted = once(plain, 'connection') as Promise<[Socket]>;
    const another = net.connect((plain.address() as AddressInfo).port, host);
    const [[socket], [ordinary]] = await Promise.all([accepted, plainAccepted]);
    const [own, usual] = [get(socket, name), get(ordinary, name)];
    for (const one of [client, socket, another, ordinary]) one.destroy();
    server.close();
    plain.close();
    await Promise.all([once(server, 'close'), once(plain, 'close')]);
    return (
      JSON.stringify(own, big) !== JSON.stringify(usual, big) || JSON.stringify(own, big) === JSON.stringify(after, big)
    );
  }
  const big = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);

  it('is what native/options.json says', async () => {
    needs('IPv6');
    const found: Record<string, boolean> = {};
    for (const row of rows) {
      if (row.direction !== undefined || row.name === 'SO_INCOMING_CPU') continue;
      if (!['any', 'tcp'].includes(row.protocol) || !isSupported(row.name)) continue;
      const inherited = await isInherited(row);
      if (inherited !== undefined) found[row.name] = inherited;
    }
    const said = rows.filter(({ inherited }) => inherited !== undefined);
    expect(Object.fromEntries(said.map(({ name, inherited }) => [name, inherited]))).toMatchObject(found);
  });
});
