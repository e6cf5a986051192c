// The policy of every system, on every system: which options, in which order, and what it promises.
import { describe, expect, it } from 'vitest';
import { darwin } from '../../lib/systems/darwin.ts';
import { linux } from '../../lib/systems/linux.ts';
import {
  type Attempt,
  BIND,
  LISTEN,
  type Policy,
  type PolicyRequest,
  type Step,
  type Unsupported,
} from '../../lib/systems/system.ts';
import { windows } from '../../lib/systems/windows.ts';

const asked: PolicyRequest = {
  protocol: 'tcp',
  sharing: 'exclusive',
  leftovers: 'reuse',
  reserve: false,
  address: 'any',
  family: 6,
  ipv6Only: false,
  guard: false,
  device: false,
  anyPort: false,
  ipv6: true,
};

type Asked = Partial<PolicyRequest>;

/** In the order in which they are made. */
function attemptsOf(policy: Policy | Unsupported): readonly Attempt[] {
  if ('unsupported' in policy) throw new Error(policy.unsupported);
  return policy.refusesHolders ? [...policy.attempts, ...attemptsOf(policy.overLeftovers as Policy)] : policy.attempts;
}

/** The steps of each attempt, a word each: `bind`, `guard 0.0.0.0`, `+SO_REUSEADDR`, `guard -SO_REUSEPORT`, … */
function steps(policy: Policy | Unsupported): string[][] {
  return attemptsOf(policy).map((attempt) => attempt.steps.map(word));
}

function word(step: Step): string {
  if (step.do === 'listen') return step.do;
  if (step.do === 'bind-or-alone') return 'bind or alone';
  const role = step.role === 'ours' ? '' : `${step.role} `;
  if (step.do === 'set') return step.options.map(([name, value]) => `${role}${value ? '+' : '-'}${name}`).join(' ');
  return step.do === 'bind' ? `${role}${step.address ?? 'bind'}` : `${role}${step.do}`;
}

const outcomes = (policy: Policy | Unsupported) => attemptsOf(policy).map(({ outcome }) => outcome);
const SERVE = ['listen', '+SO_REUSEADDR'];
const OVER = ['-SO_REUSEPORT +SO_REUSEADDR', 'bind', ...SERVE];

describe('linux', () => {
  const policy = (more: Asked = {}) => linux.policy({ ...asked, ...more });

  it('listens before it sets SO_REUSEADDR, plainly and then over leftovers', () => {
    for (const more of [{}, { family: 4 }, { sharing: 'reuse-address' }, { guard: true }] as Asked[]) {
      expect(steps(policy(more))).toEqual([['bind', ...SERVE], OVER]);
      expect(outcomes(policy(more))).toEqual(['clean', 'over-leftovers']);
    }
  });

  it('promises everything where a socket overlaps whatever else can be on the port', () => {
    const full = { exclusivity: 'full' };
    for (const more of [{}, { guard: true }, { family: 4, ipv6: false }, { reserve: true }] as Asked[]) {
      expect(policy(more), JSON.stringify(more)).toMatchObject(full);
    }
    const open = [{ family: 4 }, { ipv6Only: true }, { address: 'specific' }, { address: 'specific', family: 4 }];
    for (const more of open as Asked[]) {
      expect(policy(more)).toMatchObject({ exclusivity: 'partial', caveat: expect.stringContaining('guard: true') });
      expect(policy({ ...more, guard: true })).toMatchObject(full);
      expect(policy({ ...more, guard: true, reserve: true })).toMatchObject(full);
      expect(policy(more)).not.toHaveProperty('warns');
    }
    expect(policy({ device: true, guard: true })).toMatchObject({ exclusivity: 'partial' });
  });

  it('holds the other family beside a wildcard of one', () => {
    const [four = []] = steps(policy({ family: 4, guard: true }));
    expect(four.slice(0, 5)).toEqual([
      'guard open',
      'guard +IPV6_V6ONLY',
      'guard ::',
      '-SO_REUSEADDR -SO_REUSEPORT',
      'bind',
    ]);
    const [six = []] = steps(policy({ ipv6Only: true, guard: true }));
    expect(six.slice(0, 4)).toEqual(['guard open', '', 'guard 0.0.0.0', '-SO_REUSEADDR -SO_REUSEPORT']);
  });

  it('says that a socket which keeps the guard away may hide', () => {
    for (const more of [
      { ipv6Only: true },
      { address: 'specific' },
      { address: 'specific', protocol: 'udp' },
    ] as Asked[]) {
      expect((policy(more) as Policy).attempts[1]).toMatchObject({
        strangers: true,
        promise: { exclusivity: 'partial' },
      });
    }
  });

  it('promises little over leftovers, and looks for strangers there', () => {
    expect(attemptsOf(policy())[1]).toMatchObject({ strangers: true, promise: { exclusivity: 'partial' } });
  });

  it('asks for listeners before it looks for leftovers, unless a guard or a device is held', () => {
    expect(policy()).toMatchObject({
      refusesHolders: true,
      overLeftovers: { attempts: [{ outcome: 'over-leftovers' }] },
    });
    for (const more of [{ leftovers: 'refuse' }, { reserve: true }, { device: true }] as Asked[]) {
      expect(policy(more)).not.toHaveProperty('overLeftovers');
    }
    expect(policy({ address: 'specific', guard: true })).not.toHaveProperty('overLeftovers');
  });

  it('refuses leftovers by a plain bind, and still does not poison the next start', () => {
    expect(steps(policy({ leftovers: 'refuse' }))).toEqual([['bind', ...SERVE]]);
  });

  it('reserves by a plain bind and nothing else', () => {
    expect(steps(policy({ reserve: true }))).toEqual([['bind']]);
    expect(policy({ reserve: true })).toMatchObject({ afterListen: [['SO_REUSEADDR', true]], exclusivity: 'full' });
    expect(policy({ reserve: true, sharing: 'reuse-address' })).toMatchObject({ exclusivity: 'partial' });
  });

  const GUARD6 = ['guard open', 'guard -IPV6_V6ONLY', 'guard ::', 'guard +SO_REUSEPORT'];
  const THIRD6 = ['third open', 'third +SO_REUSEPORT third +IPV6_FREEBIND', 'third 2001:db8::1', 'third close'];

  it.each([{ address: 'specific' }, { ipv6Only: true }] as Asked[])('guards %j for a moment', (more) => {
    const guarded = [...GUARD6, '-SO_REUSEADDR +SO_REUSEPORT', 'bind', '-SO_REUSEPORT', 'guard close', ...SERVE];
    const unguarded = ['-SO_REUSEADDR -SO_REUSEPORT', 'bind', ...SERVE];
    expect(steps(policy(more))).toEqual([guarded, unguarded, OVER]);
    expect(attemptsOf(policy(more)).map(({ strangers }) => strangers)).toEqual([undefined, true, true]);
    // For as long as it does not listen, the kernel's quick check lets sockets of the same user pass: of a wildcard always.
    if (more.ipv6Only) expect(steps(policy({ ...more, reserve: true }))).toEqual([['bind']]);
    else
      expect(steps(policy({ ...more, reserve: true }))[0]).toEqual([
        ...[...GUARD6, '-SO_REUSEADDR +SO_REUSEPORT', 'bind'],
        ...[...THIRD6, '-SO_REUSEPORT', 'guard close'],
      ]);
  });

  it('says what a specific IPv4 address leaves open, and keeps a guard for it if asked to', () => {
    const specific4 = { address: 'specific', family: 4 } as const;
    expect(policy(specific4)).toMatchObject({ exclusivity: 'partial', caveat: expect.stringContaining('guard: true') });
    expect(policy(specific4)).not.toHaveProperty('warns');
    const [kept = [], over = []] = steps(policy({ ...specific4, guard: true }));
    const third = ['third open', 'third +SO_REUSEPORT third +IP_FREEBIND', 'third 192.0.2.1', 'third close'];
    expect(kept).toEqual([
      ...[...GUARD6, '-SO_REUSEADDR +SO_REUSEPORT', 'bind', 'listen', '-SO_REUSEPORT'],
      ...[...third, 'guard -SO_REUSEPORT', '+SO_REUSEADDR'],
    ]);
    expect(over.slice(1, 4)).toEqual(['guard -IPV6_V6ONLY guard +SO_REUSEADDR', 'guard ::', 'guard -SO_REUSEADDR']);
    const [alone = []] = steps(policy({ ...specific4, guard: true, ipv6: false }));
    expect(alone.slice(0, 3)).toEqual(['guard open', '', 'guard 0.0.0.0']);
    expect(policy({ ...specific4, guard: true })).toMatchObject({ exclusivity: 'full' });
    expect(steps(policy({ ...specific4, guard: true, reserve: true }))[0]).not.toContain('listen');
  });

  it('shares a TCP port by SO_REUSEPORT alone, and by both options only over leftovers', () => {
    const shared = policy({ sharing: 'reuse-port' });
    expect(steps(shared)).toEqual([
      ['+SO_REUSEPORT', 'bind', ...SERVE],
      ['+SO_REUSEADDR', 'bind', ...SERVE],
    ]);
    expect(shared).toMatchObject({ exclusivity: 'partial', caveat: expect.stringContaining('same user') });
    expect(steps(policy({ sharing: 'reuse-port', protocol: 'udp' }))).toEqual([['+SO_REUSEPORT', 'bind']]);
  });

  it('clears what libuv sets on UDP, and guards what is specific', () => {
    expect(policy({ protocol: 'udp' })).toMatchObject({ undo: [['SO_REUSEADDR', false]], exclusivity: 'full' });
    expect(policy({ protocol: 'udp', sharing: 'raw' })).toMatchObject({ undo: [['SO_REUSEADDR', false]] });
    expect(steps(policy({ protocol: 'udp' }))).toEqual([['bind']]);
    const [guarded = []] = steps(policy({ protocol: 'udp', address: 'specific', family: 4 }));
    expect(guarded.slice(-4)).toEqual(['-SO_REUSEADDR +SO_REUSEPORT', 'bind', '-SO_REUSEPORT', 'guard close']);
  });

  it('says what SO_BINDTODEVICE leaves open for TCP, which no guard closes', () => {
    const open = { exclusivity: 'partial', caveat: expect.stringContaining('another device can bind beside') };
    expect(policy({ device: true })).toMatchObject(open);
    // A request for one is ENOTSUP: lib/bind/plan.ts.
    expect(policy({ device: true, guard: true })).toMatchObject(open);
  });

  it('says what SO_BINDTODEVICE leaves open for UDP', () => {
    const device = { protocol: 'udp', device: true } as const;
    expect(policy(device)).toMatchObject({ exclusivity: 'partial', caveat: expect.stringContaining('device') });
    expect(policy({ ...device, guard: true })).toMatchObject({ exclusivity: 'full' });
    expect(steps(policy({ ...device, guard: true }))[0]).not.toContain('guard close');
  });
});

describe('darwin', () => {
  const policy = (more: Asked = {}) => darwin.policy({ ...asked, ...more });

  it('holds 0.0.0.0 while it binds ::, and owns up to the hole of a wildcard', () => {
    expect(steps(policy())).toEqual([['guard open', 'guard 0.0.0.0', 'bind', 'guard close', 'listen']]);
    expect(policy()).toMatchObject({
      exclusivity: 'partial',
      caveat: expect.stringContaining('SO_REUSEADDR'),
      warns: true,
    });
    for (const more of [{ ipv6Only: true }, { family: 4 }] as Asked[]) {
      expect(steps(policy(more))).toEqual([['bind', 'listen']]);
    }
    expect(steps(policy({ reserve: true }))).toEqual([['guard open', 'guard 0.0.0.0', 'bind', 'guard close']]);
  });

  it('goes over leftovers by SO_REUSEADDR on both', () => {
    const { overLeftovers } = policy() as Policy;
    expect(steps(overLeftovers as Policy)).toEqual([
      ['guard open', 'guard +SO_REUSEADDR', 'guard 0.0.0.0', '+SO_REUSEADDR', 'bind', 'guard close', 'listen'],
    ]);
  });

  it('owns a specific address in full', () => {
    expect(policy({ address: 'specific' })).toMatchObject({ exclusivity: 'full' });
    expect(steps(policy({ address: 'specific' }))).toEqual([['bind', 'listen']]);
  });

  it('owns up to the hole of a specific address for UDP', () => {
    const found = policy({ protocol: 'udp', address: 'specific' });
    expect(found).toMatchObject({ exclusivity: 'partial', caveat: expect.stringContaining('connect()') });
  });

  it('clears what libuv sets on UDP', () => {
    const undo = [
      ['SO_REUSEADDR', false],
      ['SO_REUSEPORT', false],
    ];
    for (const sharing of ['exclusive', 'reuse-address', 'raw'] as const) {
      expect(policy({ protocol: 'udp', sharing })).toMatchObject({ undo });
    }
  });

  it('has no reuse-port that spreads connections', () => {
    expect(policy({ sharing: 'reuse-port' })).toMatchObject({ unsupported: 'SO_REUSEPORT' });
    expect(policy({ sharing: 'reuse-address' })).toMatchObject({ exclusivity: 'partial' });
  });
});

describe('windows', () => {
  const policy = (more: Asked = {}) => windows.policy({ ...asked, ...more });

  it('sets SO_EXCLUSIVEADDRUSE for TCP, UDP and reservations', () => {
    expect(steps(policy({ ipv6Only: true }))).toEqual([['+SO_EXCLUSIVEADDRUSE', 'bind', 'listen']]);
    for (const more of [{ protocol: 'udp' }, { reserve: true }] as Asked[]) {
      expect(steps(policy({ ipv6Only: true, ...more }))).toEqual([['+SO_EXCLUSIVEADDRUSE', 'bind']]);
      expect(policy({ ipv6Only: true, ...more })).toMatchObject({ exclusivity: 'full' });
    }
  });

  it('looks for the holder of the wildcard behind a specific address', () => {
    const exclusive = ['+SO_EXCLUSIVEADDRUSE', 'bind', 'guard close', 'listen'];
    expect(steps(policy({ address: 'specific', family: 4 }))).toEqual([['guard open', 'guard 0.0.0.0', ...exclusive]]);
    expect(steps(policy({ address: 'specific' }))).toEqual([
      ['guard open', 'guard +IPV6_V6ONLY', 'guard ::', ...exclusive],
    ]);
    expect(policy({ address: 'specific' })).toMatchObject({ conflicting: ['::'] });
    // Bound UDP sockets are in the table.
    const udp = policy({ address: 'specific', protocol: 'udp' });
    expect(steps(udp)).toEqual([['+SO_EXCLUSIVEADDRUSE', 'bind']]);
    expect(udp).toMatchObject({ conflicting: ['::'] });
  });

  it('says that 0.0.0.0 leaves a hole', () => {
    const hole = { exclusivity: 'partial', caveat: expect.stringContaining('dual-stack'), conflicting: ['0.0.0.0'] };
    for (const more of [{}, { protocol: 'udp' }] as Asked[]) {
      expect(policy({ family: 4, ...more })).toMatchObject({ ...hole, untold: ['::'] });
    }
  });

  it('looks for a rival of a dual-stack :: on 0.0.0.0, before and after', () => {
    const looking = { conflicting: ['0.0.0.0'], looksAgain: true, exclusivity: 'full' };
    const held = ['guard open', 'guard 0.0.0.0', '+SO_EXCLUSIVEADDRUSE', 'bind or alone', 'guard close'];
    expect(policy()).toMatchObject(looking);
    expect(steps(policy())).toEqual([[...held, 'listen']]);
    expect(steps(policy({ reserve: true }))).toEqual([held]);
    // Bound UDP sockets are in the table.
    expect(policy({ protocol: 'udp' })).toMatchObject(looking);
    expect(steps(policy({ protocol: 'udp' }))).toEqual([['+SO_EXCLUSIVEADDRUSE', 'bind']]);
    expect(policy({ ipv6Only: true })).not.toHaveProperty('conflicting');
  });

  it('refuses to take ports away', () => {
    expect(policy({ sharing: 'reuse-address' })).toMatchObject({ unsupported: 'SO_REUSEADDR' });
    expect(policy({ sharing: 'reuse-port' })).toMatchObject({ unsupported: 'SO_REUSEPORT' });
  });
});

describe("sharing: 'raw'", () => {
  it('sets nothing of its own on any system, and promises nothing', () => {
    for (const policy of [linux.policy, darwin.policy, windows.policy]) {
      expect(policy({ ...asked, sharing: 'raw' })).toMatchObject({
        attempts: [{ steps: [BIND, LISTEN] }],
        exclusivity: 'partial',
        caveat: expect.stringContaining('promises nothing'),
      });
    }
  });
});
