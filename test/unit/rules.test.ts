// Who may share an address: the rule of each system, on every system.
import { describe, expect, it } from 'vitest';
import type { SocketRow } from '../../lib/addon.ts';
import { canonical, overlap } from '../../lib/address.ts';
import { existingOf } from '../../lib/socket-list.ts';
import { darwin } from '../../lib/systems/darwin.ts';
import { linux } from '../../lib/systems/linux.ts';
import type { Answer, Existing, Newcomer, Rule } from '../../lib/systems/system.ts';
import { windows } from '../../lib/systems/windows.ts';

const USER = 1000;
const OTHER = 1001;

const bound: Existing = {
  address: '127.0.0.1',
  family: 4,
  ipv6Only: false,
  state: 'bound',
  reuseAddress: false,
  reusePort: false,
  exclusive: false,
  uid: USER,
};

const plain: Newcomer = {
  protocol: 'tcp',
  address: '127.0.0.1',
  family: 4,
  ipv6Only: false,
  reuseAddress: false,
  reusePort: false,
  exclusive: false,
  uid: USER,
};

const ADDR = { reuseAddress: true };
const PORT = { reusePort: true };
const BOTH = { ...ADDR, ...PORT };
const OPTIONS = { none: {}, ADDR, PORT, BOTH };
type Options = keyof typeof OPTIONS;
const NAMES = Object.keys(OPTIONS) as Options[];

const ANY4 = { address: '0.0.0.0' };
const ANY6 = { address: '::', family: 6 } as const;
const ONLY6 = { ...ANY6, ipv6Only: true };
const MAPPED4 = { address: '::ffff:0.0.0.0' };
const LOOPBACK6 = { address: '::1', family: 6 } as const;

const NO = 'EADDRINUSE';

describe('linux', () => {
  const answers = (existing: Partial<Existing>, newcomer: Partial<Newcomer> = {}) => {
    const bind = linux.rule.bind([{ ...bound, ...existing }], { ...plain, ...newcomer });
    // The kernel asks the same at listen().
    expect(linux.rule.listen([{ ...bound, ...existing }], { ...plain, ...newcomer })).toBe(bind);
    return bind;
  };
  const row = (existing: Partial<Existing>) => NAMES.map((name) => answers(existing, OPTIONS[name]));

  it.each(['bound', 'connected', 'time-wait'] as const)('shares with what is %s if both have one option', (state) => {
    expect(row({ state })).toEqual([NO, NO, NO, NO]);
    expect(row({ state, ...ADDR })).toEqual([NO, 'ok', NO, 'ok']);
    expect(row({ state, ...PORT })).toEqual([NO, NO, 'ok', 'ok']);
    expect(row({ state, ...BOTH })).toEqual([NO, 'ok', 'ok', 'ok']);
  });

  it('shares with a listener by SO_REUSEPORT alone', () => {
    const state = 'listening';
    expect(row({ state })).toEqual([NO, NO, NO, NO]);
    expect(row({ state, ...ADDR })).toEqual([NO, NO, NO, NO]);
    expect(row({ state, ...PORT })).toEqual([NO, NO, 'ok', 'ok']);
    expect(row({ state, ...BOTH })).toEqual([NO, NO, 'ok', 'ok']);
  });

  it('keeps a group to the user who began it, root or not, but in TIME_WAIT', () => {
    for (const uid of [OTHER, 0]) {
      expect(row({ state: 'listening', ...BOTH, uid })).toEqual([NO, NO, NO, NO]);
      expect(row({ state: 'bound', ...PORT, uid })).toEqual([NO, NO, NO, NO]);
      expect(row({ state: 'time-wait', ...PORT, uid })).toEqual([NO, NO, 'ok', 'ok']);
    }
  });

  it('does not decide what the list does not tell', () => {
    const unknown = { reuseAddress: undefined, reusePort: undefined };
    expect(row({ ...unknown })).toEqual([NO, undefined, undefined, undefined]);
    expect(row({ ...unknown, state: 'listening' })).toEqual([NO, NO, undefined, undefined]);
    // The quick check may let it in.
    expect(row({ ...unknown, state: 'listening', uid: OTHER })).toEqual([NO, NO, undefined, undefined]);
    expect(row({ ...PORT, uid: undefined })).toEqual([NO, NO, undefined, undefined]);
  });

  it('lets in beside anybody by the quick check, after a socket of the same user that had SO_REUSEPORT', () => {
    const stranger = { ...bound, ...ANY4, state: 'listening', uid: OTHER } as const;
    const seed: Existing = { ...bound, ...ONLY6, ...PORT };
    const bind = (existing: readonly Existing[], newcomer: Partial<Newcomer> = {}) =>
      linux.rule.bind(existing, { ...plain, ...ANY6, ...PORT, ...newcomer });
    expect(bind([stranger, seed])).toBe('ok');
    expect(linux.rule.listen([stranger, seed], { ...plain, ...ANY6, ...PORT })).toBe('ok');
    // The socket bound last counts, by the options it had then, on its address or on every one of a wildcard.
    expect(bind([seed, stranger])).toBe(NO);
    expect(bind([stranger, { ...seed, reusePortAtBind: false }])).toBe(NO);
    expect(bind([stranger, { ...seed, reusePort: false, reusePortAtBind: true }])).toBe('ok');
    expect(bind([stranger, { ...seed, uid: OTHER }])).toBe(NO);
    expect(bind([stranger, { ...seed, ...LOOPBACK6 }])).toBe(NO);
    expect(bind([stranger, seed], { reusePort: false, ...ADDR })).toBe(NO);
    expect(bind([stranger, seed], { protocol: 'udp' })).toBe(NO);
    // A list tells neither who was last nor what has gone.
    expect(bind([stranger, { ...seed, reusePort: undefined }])).toBeUndefined();
    expect(bind([{ ...stranger, reusePort: undefined }])).toBeUndefined();
    expect(bind([{ ...stranger, reusePort: undefined }], { protocol: 'udp' })).toBe(NO);
  });

  it('takes the strictest of several', () => {
    const unknown = { ...bound, reuseAddress: undefined };
    const far = { ...bound, address: '127.0.0.2' };
    const newcomer = { ...plain, ...ADDR };
    expect(linux.rule.bind([], newcomer)).toBe('ok');
    expect(linux.rule.bind([far, unknown], newcomer)).toBeUndefined();
    expect(linux.rule.bind([unknown, far, bound], newcomer)).toBe(NO);
  });

  it('has a connection of a dual-stack :: in the way of 0.0.0.0, over IPv6 too', () => {
    const over6 = { ...LOOPBACK6, state: 'connected', ipv6Only: false } as const;
    expect(answers(over6, ANY4)).toBe(NO);
    expect(answers({ ...over6, ...ADDR }, { ...ANY4, ...ADDR })).toBe('ok');
    expect(answers(over6)).toBe('ok');
    expect(answers({ ...over6, ipv6Only: true }, ANY4)).toBe('ok');
    expect(linux.rule.overlaps({ ...bound, ...over6 }, { ...plain, ...ANY4 })).toBe(true);
    expect(answers(over6, MAPPED4)).toBe('ok');
    expect(answers({ ...over6, ipv6Only: undefined }, MAPPED4)).toBe('ok');
    // Of a connection the list does not tell.
    expect(answers({ ...over6, ipv6Only: undefined }, ANY4)).toBeUndefined();
    expect(answers({ ...over6, ipv6Only: undefined })).toBe('ok');
  });

  it('lets apart what does not overlap', () => {
    expect(answers({}, { address: '127.0.0.2' })).toBe('ok');
    expect(answers({ ...ONLY6 })).toBe('ok');
    expect(answers({ ...ANY6 })).toBe(NO);
    expect(answers({ ...LOOPBACK6 })).toBe('ok');
  });
});

describe('darwin', () => {
  const answers = (existing: Partial<Existing>, newcomer: Partial<Newcomer> = {}) =>
    darwin.rule.bind([{ ...bound, ...existing }], { ...plain, ...newcomer });

  it('refuses a newcomer without options beside everything that overlaps', () => {
    for (const state of ['bound', 'listening', 'connected', 'time-wait'] as const) {
      expect(answers({ state, ...BOTH })).toBe(NO);
      expect(answers({ state, ...BOTH }, ANY4)).toBe(NO);
      expect(answers({ state, ...BOTH }, { address: '127.0.0.2' })).toBe('ok');
    }
  });

  it('refuses one with an option beside an unconnected socket of the same address alone', () => {
    for (const options of [ADDR, PORT]) {
      expect(answers({ state: 'listening' }, options)).toBe(NO);
      expect(answers({ state: 'bound' }, options)).toBe(NO);
      expect(answers({ state: 'connected' }, options)).toBe('ok');
      expect(answers({ state: 'time-wait' }, options)).toBe('ok');
      expect(answers({ state: 'listening' }, { ...options, ...ANY4 })).toBe('ok');
      expect(answers({ state: 'listening', ...ANY4 }, options)).toBe('ok');
    }
  });

  it('shares one address by SO_REUSEPORT on both sides, and by nothing else', () => {
    expect(answers({ state: 'listening', ...PORT }, PORT)).toBe('ok');
    expect(answers({ state: 'listening', ...ADDR }, ADDR)).toBe(NO);
    expect(answers({ state: 'listening', reusePort: undefined }, PORT)).toBeUndefined();
  });

  it('keeps the address of a user from every other but root', () => {
    for (const state of ['bound', 'listening', 'connected', 'time-wait'] as const) {
      expect(answers({ state, uid: OTHER, ...BOTH }, BOTH)).toBe(NO);
      expect(answers({ state, uid: OTHER, ...BOTH }, { ...BOTH, uid: 0 })).toBe('ok');
    }
  });

  it('lets a dual-stack socket over 0.0.0.0, and over no other address of IPv4', () => {
    expect(answers({ state: 'listening', ...ANY4 }, ANY6)).toBe('ok');
    expect(answers({ state: 'listening', ...ANY4, uid: OTHER }, ANY6)).toBe('ok');
    for (const state of ['listening', 'connected', 'time-wait'] as const) {
      expect(answers({ state }, ANY6)).toBe(NO);
      expect(answers({ state }, ONLY6)).toBe('ok');
      expect(answers({ state }, { ...ANY6, ...ADDR })).toBe('ok');
      expect(answers({ state, uid: OTHER }, { ...ANY6, ...ADDR })).toBe(NO);
      expect(answers({ state, ...PORT, uid: OTHER }, { ...ANY6, ...ADDR })).toBe('ok');
      expect(answers({ state, uid: OTHER, reusePort: undefined }, { ...ANY6, ...ADDR })).toBeUndefined();
    }
    expect(answers({ state: 'listening' }, LOOPBACK6)).toBe('ok');
  });

  it('sees dual-stack from IPv4, and takes it for 0.0.0.0', () => {
    expect(answers({ state: 'listening', ...ANY6 }, ANY4)).toBe(NO);
    expect(answers({ state: 'listening', ...ANY6, ...BOTH }, { ...ANY4, ...ADDR })).toBe(NO);
    expect(answers({ state: 'listening', ...ANY6, ...BOTH }, { ...ANY4, ...PORT })).toBe('ok');
    expect(answers({ state: 'listening', ...ANY6, ...BOTH }, ADDR)).toBe('ok');
    expect(answers({ state: 'listening', ...ONLY6 }, ANY4)).toBe('ok');
  });

  it('binds ::ffff:0.0.0.0 as it does 0.0.0.0, but beside a wildcard of another socket of IPv6', () => {
    const existing = [{ ...ANY4 }, { address: '127.0.0.1' }, LOOPBACK6, ONLY6];
    for (const one of existing) expect(answers(one, MAPPED4)).toBe(answers(one, ANY4));
    for (const one of [ANY6, MAPPED4]) {
      expect(answers(one, MAPPED4)).toBe('ok');
      expect(answers({ ...one, uid: OTHER }, MAPPED4)).toBe('ok');
    }
    // :: is stricter than the other way about.
    expect(answers(MAPPED4, ANY6)).toBe(NO);
    expect(answers({ ...MAPPED4, uid: OTHER, ...PORT }, { ...ANY6, ...PORT })).toBe('ok');
    expect(answers(MAPPED4, ANY4)).toBe(NO);
    expect(answers(MAPPED4, { address: '127.0.0.2' })).toBe(NO);
  });

  it('asks nothing at listen()', () => {
    expect(darwin.rule.listen([{ ...bound, state: 'listening' }], plain)).toBe('ok');
  });
});

describe('windows', () => {
  const S = {};
  const W = ANY4;
  const DEFAULT = {};
  const EXCLUSIVE = { exclusive: true };
  const SECOND: Partial<Newcomer>[] = [DEFAULT, ADDR, EXCLUSIVE].flatMap((options) => [
    { ...options, ...W },
    { ...options, ...S },
  ]);
  const answers = (existing: Partial<Existing>) =>
    SECOND.map((newcomer) =>
      windows.rule.bind([{ ...bound, state: 'listening', ...existing }], { ...plain, ...newcomer }),
    );
  const ACCESS = 'EACCES';

  // "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE": the second socket on the wildcard and on a specific address, with
  // no option, SO_REUSEADDR, SO_EXCLUSIVEADDRUSE.
  it.each<[first: string, existing: Partial<Existing>, sameUser: Answer[], otherUser: Answer[]]>([
    ['default, wildcard', W, [NO, 'ok', ACCESS, 'ok', NO, 'ok'], [NO, ACCESS, ACCESS, ACCESS, NO, ACCESS]],
    ['default, specific', S, ['ok', NO, 'ok', ACCESS, NO, NO], ['ok', NO, 'ok', ACCESS, NO, NO]],
    [
      'SO_REUSEADDR, wildcard',
      { ...ADDR, ...W },
      [NO, 'ok', 'ok', 'ok', NO, 'ok'],
      [NO, ACCESS, 'ok', 'ok', NO, ACCESS],
    ],
    ['SO_REUSEADDR, specific', ADDR, ['ok', NO, 'ok', 'ok', NO, NO], ['ok', NO, 'ok', 'ok', NO, NO]],
    [
      'SO_EXCLUSIVEADDRUSE, wildcard',
      { ...EXCLUSIVE, ...W },
      [NO, ACCESS, ACCESS, ACCESS, NO, ACCESS],
      [NO, ACCESS, ACCESS, ACCESS, NO, ACCESS],
    ],
    ['SO_EXCLUSIVEADDRUSE, specific', EXCLUSIVE, ['ok', NO, 'ok', ACCESS, NO, NO], ['ok', NO, 'ok', ACCESS, NO, NO]],
  ])('answers by its table beside %s', (_, existing, sameUser, otherUser) => {
    expect(answers(existing)).toEqual(sameUser);
    expect(answers({ ...existing, uid: OTHER })).toEqual(otherUser);
  });

  it('does not decide what its tables do not tell', () => {
    const unknown = { reuseAddress: undefined, exclusive: undefined, uid: undefined };
    expect(answers({ ...unknown, ...W })).toEqual([NO, undefined, undefined, undefined, NO, undefined]);
    expect(answers({ ...unknown, ...S })).toEqual(['ok', NO, 'ok', undefined, NO, NO]);
  });

  it('lets bind over connections, and leaves open what comes of exclusive ones', () => {
    for (const state of ['connected', 'time-wait'] as const) {
      expect(answers({ state })).toEqual(['ok', 'ok', 'ok', 'ok', undefined, undefined]);
      // Measured of an exclusive one that comes back over its own; no list tells that it is.
      const back = SECOND.map(({ exclusive }) => (exclusive ? 'ok' : undefined));
      expect(answers({ exclusive: true, state })).toEqual(back);
      expect(answers({ exclusive: undefined, state })).toEqual(Array(SECOND.length).fill(undefined));
      expect(answers({ ...EXCLUSIVE, state, address: '127.0.0.2' }).filter((one) => one === 'ok')).toHaveLength(4);
    }
  });

  it('is unknown beside ::ffff:0.0.0.0 where that overlaps', () => {
    for (const one of [ANY4, ANY6, MAPPED4, {}]) {
      expect(answers({ ...one, ...MAPPED4 })).toEqual(Array(SECOND.length).fill(undefined));
      expect(windows.rule.bind([{ ...bound, ...one }], { ...plain, ...MAPPED4 })).toBeUndefined();
    }
    expect(windows.rule.bind([{ ...bound, ...LOOPBACK6 }], { ...plain, ...MAPPED4 })).toBe('ok');
  });

  it('is unknown beside a client that was bound itself', () => {
    expect(answers({ state: 'connected', boundTo: bound })).toEqual(Array(SECOND.length).fill(undefined));
  });
});

describe('a row of the list', () => {
  const row = {
    address: '127.0.0.1',
    family: 4,
    isOpen: false,
    count: 1,
    pids: [],
    uid: 0,
    remoteAddress: '127.0.0.1',
    remotePort: 9,
  } satisfies Partial<SocketRow>;

  it('is a TIME_WAIT to the rule where its end is known, a FIN_WAIT2 without an owner too', () => {
    const FIN_WAIT2 = 5;
    expect(existingOf({ ...row, state: FIN_WAIT2, timeLeft: 59_000 }).state).toBe('time-wait');
    expect(existingOf({ ...row, state: FIN_WAIT2 }).state).toBe('connected');
  });
});

describe('who receives', () => {
  const sockets = (...list: Partial<Newcomer>[]): Newcomer[] => list.map((one) => ({ ...plain, ...one }));
  const at = (address: string) => canonical(address);
  const found = (rule: Rule, list: Newcomer[], address: string) =>
    rule.receives(list, at(address))?.map((one) => list.indexOf(one));

  it('is nobody without the address', () => {
    for (const rule of [linux.rule, darwin.rule, windows.rule]) {
      expect(found(rule, sockets({}, ONLY6), '127.0.0.2')).toEqual([]);
      expect(found(rule, sockets(ANY4, {}), '::1')).toEqual([]);
    }
  });

  it('is the most specific address, and a wildcard of the own family before a dual-stack one', () => {
    for (const rule of [linux.rule, darwin.rule, windows.rule]) {
      for (const options of [ADDR, BOTH]) {
        const list = sockets({ ...options, ...ANY6 }, { ...options, ...ANY4 }, options);
        expect(found(rule, list, '127.0.0.1')).toEqual([2]);
        // Of Windows, nobody has looked what becomes of IPv4 beside an older dual-stack ::.
        expect(found(rule, list, '127.0.0.2')).toEqual(rule === windows.rule ? undefined : [1]);
        expect(found(rule, [list[1], list[0]] as Newcomer[], '127.0.0.2')).toEqual([0]);
        expect(found(rule, list, '::1')).toEqual([0]);
      }
    }
  });

  it('is the youngest of equals on Linux, and all of a group', () => {
    expect(found(linux.rule, sockets(ADDR, ADDR, ADDR), '127.0.0.1')).toEqual([2]);
    expect(found(linux.rule, sockets(BOTH, PORT, ADDR), '127.0.0.1')).toEqual([2]);
    expect(found(linux.rule, sockets(ADDR, BOTH, PORT), '127.0.0.1')).toEqual([1, 2]);
    expect(found(linux.rule, sockets({ ...BOTH, uid: OTHER }, BOTH, BOTH), '127.0.0.1')).toEqual([1, 2]);
  });

  it('is the oldest of equals on Linux where they are of IPv6 and have SO_REUSEPORT', () => {
    const dual = { ...BOTH, ...ANY6 };
    expect(found(linux.rule, sockets(dual, { ...BOTH, ...ONLY6 }), '::1')).toEqual([0]);
    expect(found(linux.rule, sockets({ ...dual, uid: OTHER }, dual), '::1')).toEqual([0]);
    expect(found(linux.rule, sockets(dual, { ...ADDR, ...ANY6 }), '::1')).toEqual([1]);
  });

  it('takes ::ffff:0.0.0.0 for a socket of IPv6, on Linux and macOS', () => {
    const mapped = { ...BOTH, ...MAPPED4 };
    expect(found(linux.rule, sockets(mapped, { ...BOTH, ...ANY4 }, mapped), '127.0.0.1')).toEqual([1]);
    // To the tail of the chain, as ::, and in no group with that.
    expect(found(linux.rule, sockets(mapped, { ...BOTH, ...ANY6 }), '127.0.0.1')).toEqual([0]);
    expect(found(linux.rule, sockets({ ...BOTH, ...ANY6 }, mapped), '127.0.0.1')).toEqual([0]);
    expect(found(linux.rule, sockets({ ...ADDR, ...MAPPED4 }, { ...ADDR, ...ANY6 }), '127.0.0.1')).toEqual([1]);
    expect(found(linux.rule, sockets(mapped, mapped, { ...BOTH, ...ANY6 }), '127.0.0.1')).toEqual([0, 1]);
    expect(found(darwin.rule, sockets(mapped, { ...BOTH, ...ANY4 }), '127.0.0.1')).toEqual([1]);
    expect(found(darwin.rule, sockets(mapped, { ...BOTH, ...ANY6 }), '127.0.0.1')).toEqual([0]);
    for (const rule of [linux.rule, darwin.rule, windows.rule]) expect(found(rule, sockets(mapped), '::1')).toEqual([]);
  });

  it('is on macOS the youngest on an exact address, and the oldest wildcard', () => {
    expect(found(darwin.rule, sockets(PORT, PORT), '127.0.0.1')).toEqual([1]);
    expect(found(darwin.rule, sockets({ ...PORT, ...ANY4 }, { ...PORT, ...ANY4 }), '127.0.0.1')).toEqual([0]);
  });

  it('is on Windows the oldest of equals for TCP, and not told for UDP', () => {
    expect(found(windows.rule, sockets(ADDR, ADDR, ADDR), '127.0.0.1')).toEqual([0]);
    const udp = { ...ADDR, protocol: 'udp' } as const;
    expect(found(windows.rule, sockets(udp, udp), '127.0.0.1')).toBeUndefined();
  });
});

describe('addresses', () => {
  const local = (host: string, ipv6Only = false) => ({ ...canonical(host), ipv6Only });

  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['0.0.0.0', '127.0.0.1', true],
    ['0.0.0.0', '::1', false],
    ['::', '127.0.0.1', true],
    ['::', '0.0.0.0', true],
    ['::', '::1', true],
    ['::1', '127.0.0.1', false],
    ['::ffff:127.0.0.1', '127.0.0.1', true],
    ['::ffff:0.0.0.0', '127.0.0.1', true],
    ['::ffff:0.0.0.0', '::1', false],
    ['0:0::0:1', '::1', true],
    ['fe80::1%eth0', 'fe80::1', true],
    ['fe80::1%eth0', 'fe80::1%eth1', false],
    // A number may be that of the name.
    ['fe80::1%2', 'fe80::1%eth0', true],
    ['fe80::1%2', 'fe80::1%3', false],
  ])('%s and %s overlap: %s', (one, other, isSo) => {
    expect(overlap(local(one), local(other))).toBe(isSo);
    expect(overlap(local(other), local(one))).toBe(isSo);
  });

  it('of IPv6 alone overlap none of IPv4', () => {
    expect(overlap(local('::', true), local('0.0.0.0'))).toBe(false);
    expect(overlap(local('127.0.0.1'), local('::', true))).toBe(false);
    expect(overlap(local('::', true), local('::1'))).toBe(true);
  });
});
