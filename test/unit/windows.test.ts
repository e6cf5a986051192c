// How Windows' answers become verdicts, with an addon that plays what neither this machine nor Wine can be brought to do.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Addon, SocketRow } from '../../lib/addon.ts';
import { checkBindOptions } from '../../lib/bind/request.ts';
import type { PlayedSocket } from '../fixtures/plan-player.ts';

const WSAEACCES = 10013;
const WSAEADDRINUSE = 10048;
const WSAEADDRNOTAVAIL = 10049;
const WSAEAFNOSUPPORT = 10047;

/** What happened, in order, and what the system answers to each bind. */
const played = vi.hoisted(() => ({
  calls: [] as string[],
  refusals: new Map<string, number>(),
  listeners: [] as string[],
  listError: 0,
  withoutIpv6: false,
}));

vi.mock('../../lib/platform.ts', () => ({ system: 'windows' }));
vi.mock('../../lib/addon.ts', async () => {
  const { play } = await import('../fixtures/plan-player.ts');
  const constants = {
    ...{
      AF_INET: 2,
      AF_INET6: 23,
      SOCK_STREAM: 1,
      SOCK_DGRAM: 2,
      SOL_SOCKET: 0xffff,
      IPPROTO_IPV6: 41,
      IPV6_V6ONLY: 27,
    },
    ...{ SO_EXCLUSIVEADDRUSE: -5, SO_REUSEADDR: 4, EADDRINUSE: 10048, EAFNOSUPPORT: 10047 },
  };
  const status = new Int32Array(7);
  let handles = 100;
  const addon: Partial<Addon> = {
    constants,
    status,
    open(plan, host, port) {
      const answer = (socket: PlayedSocket, address: string) => {
        const how = socket.options.has(constants.SO_EXCLUSIVEADDRUSE) ? 'exclusive' : 'plain';
        return played.refusals.get(`${how} ${address}`) ?? 0;
      };
      const said = play(plan, host, port, {
        chosen: 4000,
        open: ({ family }) => (family === constants.AF_INET6 && played.withoutIpv6 ? WSAEAFNOSUPPORT : 0),
        bind(socket, address, asked) {
          played.calls.push(`${socket.role} ${address}:${asked}`);
          return answer(socket, address);
        },
        close: ({ role }) => played.calls.push(`close ${role}`),
      });
      status.set(said);
      return said[0] === 0 ? handles++ : -1;
    },
    close() {
      played.calls.push('close');
      return 0;
    },
    localPort: () => 4000,
    sockets: () => ({
      error: played.listError,
      ownersError: 0,
      areOwnersWhole: true,
      isWhole: true,
      processes: [],
      sockets: played.listeners.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }) as SocketRow),
    }),
  };
  const STATUS = { error: 0, step: 1, attempt: 2, level: 3, option: 4, guard: 5, slot: 6 };
  return { addon, STATUS, STEPS: ['', 'socket', 'setsockopt', 'bind', 'listen'] };
});

const { bind } = await import('../../lib/bind/socket.ts');
const { isWithoutIpv6 } = await import('../../lib/bind/places.ts');

function open(host: string, port: number) {
  const bound = bind(checkBindOptions({ host, port }));
  return 'refusal' in bound ? bound.refusal : bound;
}

beforeEach(() => {
  played.calls.length = 0;
  played.refusals.clear();
  played.listeners = [];
  played.listError = 0;
  played.withoutIpv6 = false;
});

describe('a specific address on Windows', () => {
  it('is opened while a plain socket holds the wildcard, which is then let go', () => {
    expect(open('127.0.0.1', 3000)).toMatchObject({ outcome: 'clean' });
    expect(played.calls).toEqual(['guard 0.0.0.0:3000', 'ours 127.0.0.1:3000', 'close guard']);
  });

  it('takes the port that the guard was given', () => {
    open('127.0.0.1', 0);
    expect(played.calls.slice(0, 2)).toEqual(['guard 0.0.0.0:0', 'ours 127.0.0.1:4000']);
  });

  it('is a conflict if the wildcard is held, by either of Windows’ names for it', () => {
    for (const error of [WSAEADDRINUSE, WSAEACCES]) {
      played.calls.length = 0;
      played.refusals.set('plain 0.0.0.0', error);
      expect(open('127.0.0.1', 3000)).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
      // Nothing was opened that would have to be closed.
      expect(played.calls).toEqual(['guard 0.0.0.0:3000']);
    }
  });

  it('is a conflict if the table lists the wildcard, without any bind', () => {
    played.listeners = ['0.0.0.0'];
    expect(open('127.0.0.1', 3000)).toEqual({ code: 'EADDRINUSE', syscall: 'bind' });
    expect(played.calls).toEqual([]);
  });

  it('closes the guard when the address itself is refused', () => {
    played.refusals.set('exclusive 127.0.0.1', WSAEADDRNOTAVAIL);
    expect(open('127.0.0.1', 3000)).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind' });
    expect(played.calls.at(-1)).toBe('close guard');
  });

  it('goes on without a guard whose family the machine lacks', () => {
    played.withoutIpv6 = true;
    expect(open('::1', 3000)).toMatchObject({ outcome: 'clean' });
    expect(played.calls).toEqual(['ours ::1:3000']);
  });
});

describe('WSAEACCES', () => {
  it.each([
    ['the same address', '::', ['::']],
    ['a specific address under our wildcard', '::', ['2001:db8::1']],
  ])('is EADDRINUSE if the table lists %s', (_, host, listeners) => {
    played.listeners = listeners;
    played.refusals.set(`exclusive ${host}`, WSAEACCES);
    expect(open(host, 3000)).toEqual({ code: 'EADDRINUSE', syscall: 'bind' });
  });

  it('is EACCES if the table lists nobody, or others only', () => {
    for (const listeners of [[], ['192.0.2.1']]) {
      played.listeners = listeners;
      played.refusals.set('exclusive 127.0.0.1', WSAEACCES);
      expect(open('127.0.0.1', 3000)).toEqual({ code: 'EACCES', syscall: 'bind' });
    }
  });

  it('stays EACCES where the table cannot be read, and never leads to 0.0.0.0 alone', () => {
    played.listError = 5;
    played.refusals.set('exclusive ::', WSAEACCES);
    const refused = open('::', 3000);
    expect(refused).toEqual({ code: 'EACCES', syscall: 'bind' });
    expect(isWithoutIpv6(refused as { code: string; syscall: string })).toBe(false);
  });
});
