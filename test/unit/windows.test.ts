// How Windows' answers become verdicts, with an addon that plays what neither this machine nor Wine can be brought to do.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Addon } from '../../lib/addon.ts';
import { checkBindOptions } from '../../lib/bind/request.ts';
import type { PlayedSocket } from '../fixtures/plan-player.ts';
import { policyNames, underEach } from '../fixtures/policy-names.ts';

const WSAEACCES = 10013;
const WSAEADDRINUSE = 10048;
const WSAEADDRNOTAVAIL = 10049;
const WSAEAFNOSUPPORT = 10047;

/** What happened, in order, and what the system answers to each bind. */
const played = vi.hoisted(() => ({
  calls: [] as string[],
  refusals: new Map<string, number>(),
  listeners: [] as (string | { address: string; pid: number })[],
  /** Who is listed beside them once an exclusive socket is open. */
  joining: [] as { address: string; pid: number }[],
  /** The refusal of an exclusive :: while 0.0.0.0 is held. */
  besideGuard: 0,
  isGuarded: false,
  listError: 0,
  withoutIpv6: false,
}));

vi.mock('../../lib/platform.ts', () => ({ system: 'windows' }));
vi.mock('../../lib/addon.ts', async () => {
  const { play } = await import('../fixtures/plan-player.ts');
  const { listOf, STATUS, STEPS, WINDOWS: constants } = await import('../fixtures/played-addon.ts');
  const status = new Int32Array(7);
  let handles = 100;
  const addon: Partial<Addon> = {
    constants,
    status,
    open(plan, host, port) {
      const answer = (socket: PlayedSocket, address: string) => {
        const how = socket.options.has(constants.SO_EXCLUSIVEADDRUSE) ? 'exclusive' : 'plain';
        const refused = played.refusals.get(`${how} ${address}`) ?? 0;
        return refused === 0 && socket.role === 'ours' && played.isGuarded ? played.besideGuard : refused;
      };
      played.isGuarded = false;
      const said = play(plan, host, port, {
        chosen: 4000,
        open: ({ family }) => (family === constants.AF_INET6 && played.withoutIpv6 ? WSAEAFNOSUPPORT : 0),
        bind(socket, address, asked) {
          played.calls.push(`${socket.role} ${address}:${asked}`);
          const said = answer(socket, address);
          if (said === 0 && socket.role === 'guard') played.isGuarded = true;
          if (said === 0 && socket.role === 'ours') played.listeners = [...played.listeners, ...played.joining];
          return said;
        },
        close({ role }) {
          played.calls.push(`close ${role}`);
          if (role === 'guard') played.isGuarded = false;
        },
      });
      status.set(said);
      return said[0] === 0 ? handles++ : -1;
    },
    close() {
      played.calls.push('close');
      return 0;
    },
    localPort: () => 4000,
    sockets() {
      const rows = played.listeners
        .map((one) =>
          typeof one === 'string' ? { address: one, pids: [1] } : { address: one.address, pids: [one.pid] },
        )
        .map((one) => ({ ...one, family: one.address.includes(':') ? 6 : 4 }));
      return listOf(rows, played.listError);
    },
  };
  return { addon, STATUS, STEPS };
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
  played.joining = [];
  played.besideGuard = 0;
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
      // Another address of the port, and so a holder.
      if (error === WSAEACCES) played.listeners = ['192.0.2.1'];
      played.refusals.set('plain 0.0.0.0', error);
      expect(open('127.0.0.1', 3000)).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
      // Nothing was opened that would have to be closed.
      expect(played.calls).toEqual(['guard 0.0.0.0:3000']);
    }
  });

  it('is in an excluded range if the wildcard is refused and nobody is listed', () => {
    played.refusals.set('plain 0.0.0.0', WSAEACCES);
    expect(open('127.0.0.1', 3000)).toMatchObject({ code: 'EACCES', syscall: 'bind' });
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

describe('a dual-stack :: on Windows', () => {
  it('is opened while a plain socket holds 0.0.0.0, which is its rival', () => {
    expect(open('::', 3000)).toMatchObject({ outcome: 'clean' });
    expect(played.calls).toEqual(['guard 0.0.0.0:3000', 'ours :::3000', 'close guard']);
  });

  it.each([
    ['a bound 0.0.0.0, which no table lists', [], 'plain 0.0.0.0'],
    ['a listed 0.0.0.0', ['0.0.0.0'], ''],
  ])('is a conflict beside %s', (_, listeners, refused) => {
    played.listeners = listeners;
    if (refused !== '') played.refusals.set(refused, WSAEADDRINUSE);
    expect(open('::', 3000)).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    expect(played.calls).not.toContain('ours :::3000');
  });

  it('is a conflict beside an exclusive ::, wherever that is listed', () => {
    played.listeners = ['::'];
    played.refusals.set('plain 0.0.0.0', WSAEACCES);
    expect(open('::', 3000)).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
  });

  it.each([WSAEADDRINUSE, WSAEACCES])('is tried without the guard if it is refused beside it (%i)', (error) => {
    played.besideGuard = error;
    expect(open('::', 3000)).toMatchObject({ outcome: 'clean' });
    expect(played.calls).toEqual(['guard 0.0.0.0:3000', 'ours :::3000', 'close guard', 'ours :::3000']);
  });

  it('keeps the port that the guard was given when it is tried without', () => {
    played.besideGuard = WSAEADDRINUSE;
    expect(open('::', 0)).toMatchObject({ outcome: 'clean' });
    expect(played.calls).toEqual(['guard 0.0.0.0:0', 'ours :::4000', 'close guard', 'ours :::4000']);
  });

  it('is a conflict if it is refused without the guard too', () => {
    played.refusals.set('exclusive ::', WSAEADDRINUSE);
    expect(open('::', 3000)).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    expect(played.calls).toEqual(['guard 0.0.0.0:3000', 'ours :::3000', 'close guard', 'ours :::3000']);
  });

  it('gives way to a stranger who has come meanwhile, and not to its own entry under IPv4', () => {
    played.joining = [{ address: '0.0.0.0', pid: process.pid }];
    expect(open('::', 3000)).toMatchObject({ outcome: 'clean' });
    played.listeners = [];
    played.joining = [
      { address: '0.0.0.0', pid: process.pid },
      { address: '0.0.0.0', pid: process.pid + 1 },
    ];
    expect(open('::', 3000)).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    expect(played.calls.at(-1)).toMatch(/^close/);
  });

  it('that somebody else has makes the outcome of an 0.0.0.0 unknown', () => {
    expect(open('0.0.0.0', 3000)).toMatchObject({ outcome: 'clean', how: { policy: { exclusivity: 'partial' } } });
    played.listeners = ['::'];
    expect(open('0.0.0.0', 3000)).toMatchObject({ outcome: undefined, how: { policy: { exclusivity: 'partial' } } });
  });
});

describe('Object.prototype', () => {
  it.each([1, '0.0.0.0', ['0.0.0.0'], { policy: {} }].map((value) => [value]))(
    'changes no step on Windows, with %j in it by any name of a policy',
    (value) => {
      const steps = () => {
        played.calls.length = 0;
        const results = ['::', '0.0.0.0', '127.0.0.1', '::1'].map((host) => Object.hasOwn(open(host, 3000), 'code'));
        return [results, ...played.calls];
      };
      const expected = steps();
      expect(expected).toContain('ours :::3000');
      expect(policyNames()).toContain('looksAgain');
      underEach(policyNames(), value, (name) => expect(steps(), name).toEqual(expected));
    },
  );
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
