// socketOptions: set before bind, by the kernel's name, and read back from the socket itself.
// @module-tag node
// @module-tag sanitize
import { type BindOptions, BoundSocket } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { quiet } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';

const local = { port: 0, host: '127.0.0.1', ...quiet } as const;

describe('socketOptions', () => {
  it('holds on every system', () => {
    using bound = new BoundSocket({
      ...local,
      socketOptions: { SO_KEEPALIVE: true, SO_LINGER: { onoff: true, linger: 7 } },
    });
    expect(bound.getOption('SO_KEEPALIVE')).toBe(true);
    expect(bound.getOption('SO_LINGER')).toEqual({ onoff: true, linger: 7 });
    bound.setOption('SO_KEEPALIVE', false);
    expect(bound.getOption('SO_KEEPALIVE')).toBe(false);
  });

  itOn('linux')('holds for each type of value on Linux', () => {
    const socketOptions = {
      TCP_DEFER_ACCEPT: 3,
      TCP_USER_TIMEOUT: 2000,
      TCP_CONGESTION: 'reno',
      SO_MAX_PACING_RATE: 1n << 33n,
      IP_FREEBIND: true,
      IP_LOCAL_PORT_RANGE: { low: 40000, high: 40100 },
      TCP_NODELAY: true,
    } as const;
    using bound = new BoundSocket({ ...local, socketOptions });
    for (const [name, value] of Object.entries(socketOptions)) {
      expect(bound.getOption(name as keyof typeof socketOptions), name).toEqual(value);
    }
    // 0 lets the system choose, out of the range that was set before bind.
    const { port } = bound.address();
    expect(port).toBeGreaterThanOrEqual(40000);
    expect(port).toBeLessThanOrEqual(40100);
  });

  itOn('linux')('is set before bind: an address of no interface can be bound with IP_FREEBIND', () => {
    const absent: BindOptions = { port: 0, host: '192.0.2.1' };
    expect(() => new BoundSocket(absent)).toThrow('EADDRNOTAVAIL');
    using bound = new BoundSocket({ ...absent, socketOptions: { IP_FREEBIND: true } });
    expect(bound.address().address).toBe('192.0.2.1');
  });

  it('ignores a name whose value is undefined', () => {
    new BoundSocket({ ...local, socketOptions: { SO_RCVBUF: undefined } as never }).close();
  });
});

describe("sharing: 'raw'", () => {
  // SO_REUSEADDR of Windows has its own tests.
  itOn('linux', 'darwin')('sets what it is given and nothing else', () => {
    using plain = new BoundSocket({ ...local, sharing: 'raw' });
    expect(plain.getOption('SO_REUSEADDR')).toBe(false);
    using shared = new BoundSocket({ ...local, sharing: 'raw', socketOptions: { SO_REUSEADDR: true } });
    expect(shared.getOption('SO_REUSEADDR')).toBe(true);
    expect(shared).toMatchObject({ outcome: undefined, exclusivity: 'partial', caveat: expect.any(String) });
  });
});

describeOn('linux')('the sharing modes on Linux', () => {
  it('leave the options that their policy names', () => {
    using exclusive = new BoundSocket(local);
    expect([exclusive.getOption('SO_REUSEADDR'), exclusive.getOption('SO_REUSEPORT')]).toEqual([true, false]);
    using reserved = new BoundSocket({ ...local, reserve: true });
    expect(reserved.getOption('SO_REUSEADDR')).toBe(false);
    using port = new BoundSocket({ ...local, sharing: 'reuse-port' });
    using second = new BoundSocket({ ...local, sharing: 'reuse-port', port: port.address().port });
    expect([second.getOption('SO_REUSEADDR'), second.getOption('SO_REUSEPORT')]).toEqual([true, true]);
    using v6 = new BoundSocket({ port: 0, ipv6Only: true });
    expect(v6.getOption('IPV6_V6ONLY')).toBe(true);
  });

  it('let setOption() change nothing that decides about sharing', () => {
    using bound = new BoundSocket(local);
    const attempt = () => bound.setOption('SO_REUSEPORT', true);
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_INCOMPATIBLE_OPTION_PAIR' }));
    expect(() => bound.setOption('SO_EXCLUSIVEADDRUSE', true)).toThrow(
      expect.objectContaining({ code: 'ERR_INCOMPATIBLE_OPTION_PAIR' }),
    );
    expect(() => bound.getOption('IP_ADD_MEMBERSHIP' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});

describe('the backlog', () => {
  itOn('linux')('is the BoundSocket’s own, or else what server.listen() is given', async () => {
    needs('iproute2');
    const { createServer } = await import('node:net');
    const { execFileSync } = await import('node:child_process');
    const queue = (port: number) => {
      const [line = ''] = execFileSync('ss', ['-Hltn', `sport = :${port}`], { encoding: 'utf8' })
        .trim()
        .split('\n');
      return Number(line.split(/\s+/)[2]);
    };
    const measure = (backlog: number | undefined, positional?: number) => {
      const bound = new BoundSocket({ ...local, backlog });
      const { port } = bound.address();
      const before = queue(port);
      const server = createServer().listen(bound, positional);
      const after = queue(port);
      server.close();
      return [before, after];
    };
    expect(measure(undefined)).toEqual([511, 511]);
    // Node would overwrite it with 511.
    expect(measure(33)).toEqual([33, 33]);
    expect(measure(undefined, 44)).toEqual([511, 44]);
    expect(measure(33, 44)).toEqual([33, 44]);
  });
});
