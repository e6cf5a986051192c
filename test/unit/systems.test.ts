// The policy of every system, on every system: which options, in which order, and what it promises.
import { describe, expect, it } from 'vitest';
import { darwin } from '../../lib/systems/darwin.ts';
import { linux } from '../../lib/systems/linux.ts';
import type { PolicyRequest } from '../../lib/systems/system.ts';
import { windows } from '../../lib/systems/windows.ts';

const asked: PolicyRequest = {
  protocol: 'tcp',
  sharing: 'exclusive',
  leftovers: 'reuse',
  reserve: false,
  address: 'any',
  family: 6,
  ipv6Only: false,
};
const udp = { ...asked, protocol: 'udp' } as const;
const v4 = { ...asked, family: 4 } as const;
const specific = { ...asked, address: 'specific' } as const;

const ADDRESS_ON = ['SO_REUSEADDR', true];
const ADDRESS_OFF = ['SO_REUSEADDR', false];
const PORT_ON = ['SO_REUSEPORT', true];

describe('linux', () => {
  it('binds plainly, then over leftovers, and never leaves a listener without SO_REUSEADDR', () => {
    expect(linux.policy(asked)).toEqual({
      attempts: [
        { outcome: 'clean', beforeBind: [], beforeListen: [ADDRESS_ON] },
        { outcome: 'over-leftovers', beforeBind: [ADDRESS_ON], beforeListen: [] },
      ],
      rounds: 3,
      undo: [],
      afterAdoption: [],
      exclusivity: 'full',
    });
    expect(linux.policy({ ...asked, sharing: 'reuse-address' })).toEqual(linux.policy(asked));
  });

  it('refuses leftovers by a plain bind, and still does not poison the next start', () => {
    expect(linux.policy({ ...asked, leftovers: 'refuse' })).toMatchObject({
      attempts: [{ outcome: 'clean', beforeBind: [], beforeListen: [ADDRESS_ON] }],
      exclusivity: 'full',
    });
  });

  it('reserves by a plain bind and nothing else', () => {
    expect(linux.policy({ ...asked, reserve: true })).toEqual({
      attempts: [{ outcome: 'clean', beforeBind: [], beforeListen: [] }],
      rounds: 1,
      undo: [],
      afterAdoption: [ADDRESS_ON],
      exclusivity: 'full',
    });
    expect(linux.policy({ ...asked, reserve: true, sharing: 'reuse-address' })).toMatchObject({
      exclusivity: 'partial',
    });
  });

  it('shares a TCP port with both options, a UDP port with one', () => {
    const shared = { sharing: 'reuse-port' } as const;
    const expected = { exclusivity: 'partial', caveat: expect.stringContaining('same user') };
    expect(linux.policy({ ...asked, ...shared })).toMatchObject({
      attempts: [{ beforeBind: [ADDRESS_ON, PORT_ON], beforeListen: [] }],
      ...expected,
    });
    expect(linux.policy({ ...udp, ...shared })).toMatchObject({
      attempts: [{ beforeBind: [PORT_ON], beforeListen: [] }],
      ...expected,
    });
  });

  it('clears what libuv sets on UDP', () => {
    expect(linux.policy(udp)).toMatchObject({ undo: [ADDRESS_OFF], exclusivity: 'full' });
    expect(linux.policy({ ...udp, sharing: 'raw' })).toMatchObject({ undo: [ADDRESS_OFF] });
  });
});

describe('darwin', () => {
  it('binds plainly, holds 0.0.0.0 while it binds ::, and owns up to the hole of a wildcard', () => {
    expect(darwin.policy(asked)).toMatchObject({
      attempts: [{ outcome: 'clean', beforeBind: [], beforeListen: [] }],
      guard: '0.0.0.0',
      exclusivity: 'partial',
      caveat: expect.stringContaining('SO_REUSEADDR'),
    });
    expect(darwin.policy({ ...asked, ipv6Only: true })).not.toHaveProperty('guard');
    expect(darwin.policy(v4)).not.toHaveProperty('guard');
  });

  it('owns a specific address in full', () => {
    expect(darwin.policy(specific)).toMatchObject({ exclusivity: 'full' });
    expect(darwin.policy(specific)).not.toHaveProperty('guard');
  });

  it('owns up to the hole of a specific address for UDP', () => {
    expect(darwin.policy({ ...udp, address: 'specific' })).toMatchObject({
      exclusivity: 'partial',
      caveat: expect.stringContaining('connect()'),
    });
  });

  it('clears what libuv sets on UDP', () => {
    const cleared = [ADDRESS_OFF, ['SO_REUSEPORT', false]];
    for (const sharing of ['exclusive', 'reuse-address', 'raw'] as const) {
      expect(darwin.policy({ ...udp, sharing })).toMatchObject({ undo: cleared });
    }
  });

  it('has no reuse-port that spreads connections', () => {
    expect(darwin.policy({ ...asked, sharing: 'reuse-port' })).toMatchObject({ unsupported: 'SO_REUSEPORT' });
    expect(darwin.policy({ ...asked, sharing: 'reuse-address' })).toMatchObject({ exclusivity: 'partial' });
  });
});

describe('windows', () => {
  const exclusive = { attempts: [{ outcome: 'clean', beforeBind: [['SO_EXCLUSIVEADDRUSE', true]], beforeListen: [] }] };

  it('sets SO_EXCLUSIVEADDRUSE for TCP, UDP and reservations', () => {
    for (const request of [asked, udp, { ...asked, reserve: true }]) {
      expect(windows.policy(request)).toMatchObject({ ...exclusive, exclusivity: 'full' });
    }
  });

  it('looks for the holder of the wildcard behind a specific address', () => {
    expect(windows.policy({ ...specific, family: 4 })).toMatchObject({ guard: '0.0.0.0', conflicting: ['0.0.0.0'] });
    expect(windows.policy(specific)).toMatchObject({ guard: '::', conflicting: ['::'] });
    // Bound UDP sockets are in the table.
    expect(windows.policy({ ...udp, address: 'specific' })).toMatchObject({ conflicting: ['::'] });
    expect(windows.policy({ ...udp, address: 'specific' })).not.toHaveProperty('guard');
  });

  it('says that 0.0.0.0 leaves a hole', () => {
    const hole = { exclusivity: 'partial', caveat: expect.stringContaining('dual-stack'), conflicting: ['0.0.0.0'] };
    expect(windows.policy(v4)).toMatchObject(hole);
    expect(windows.policy({ ...v4, protocol: 'udp' })).toMatchObject(hole);
  });

  it('looks for a rival of a dual-stack :: on 0.0.0.0, before and after', () => {
    expect(windows.policy(asked)).toMatchObject({ guard: '0.0.0.0', conflicting: ['0.0.0.0'], looksAgain: true });
    expect(windows.policy(udp)).toMatchObject({ conflicting: ['0.0.0.0'], looksAgain: true });
    expect(windows.policy(udp)).not.toHaveProperty('guard');
    expect(windows.policy({ ...asked, ipv6Only: true })).not.toHaveProperty('conflicting');
  });

  it('refuses to take ports away', () => {
    expect(windows.policy({ ...asked, sharing: 'reuse-address' })).toMatchObject({ unsupported: 'SO_REUSEADDR' });
    expect(windows.policy({ ...asked, sharing: 'reuse-port' })).toMatchObject({ unsupported: 'SO_REUSEPORT' });
  });
});

describe("sharing: 'raw'", () => {
  it('sets nothing of its own on any system, and promises nothing', () => {
    for (const policy of [linux.policy, darwin.policy, windows.policy]) {
      expect(policy({ ...asked, sharing: 'raw' })).toMatchObject({
        attempts: [{ beforeBind: [], beforeListen: [] }],
        exclusivity: 'partial',
        caveat: expect.stringContaining('promises nothing'),
      });
    }
  });
});
