// How macOS' answers become verdicts, with an addon that plays the kernel, since none of it has run on a Mac yet.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Addon, SocketRow } from '../../lib/addon.ts';
import { checkBindOptions } from '../../lib/bind/request.ts';
import { policyNames, underEach } from '../fixtures/policy-names.ts';

const LISTEN = 10;
const TIME_WAIT = 6;

/** What happened, in order; what the kernel refuses; and whom it lists before and after our own bind. */
const played = vi.hoisted(() => ({
  calls: [] as string[],
  refused: new Set<string>(),
  listed: [] as object[],
  joining: [] as object[],
  listError: 0,
}));

vi.mock('../../lib/platform.ts', () => ({ system: 'darwin' }));
// Of a Mac, whose addresses are not this machine's.
vi.mock('node:os', async (original) => {
  const { osOfMac } = await import('../fixtures/os-of-mac.ts');
  return osOfMac(await original<object>(), '127.0.0.1');
});
vi.mock('../../lib/addon.ts', async () => {
  const { DARWIN: constants, listOf, STATUS, STEPS } = await import('../fixtures/played-addon.ts');
  const { play } = await import('../fixtures/plan-player.ts');
  const status = new Int32Array(7);
  let handles = 100;
  const addon: Partial<Addon> = {
    constants,
    status,
    open(plan, host, port) {
      const said = play(plan, host, port, {
        chosen: 3000,
        open: () => 0,
        bind(socket, address, asked) {
          const how = `${socket.options.has(constants.SO_REUSEADDR) ? 'reuse' : 'plain'} ${address}`;
          played.calls.push(`${socket.role} ${how}:${asked}`);
          return played.refused.has(how) ? constants.EADDRINUSE : 0;
        },
        listen({ address }) {
          const own = { address, family: 4, state: LISTEN, ipv6Only: false, isOpen: true };
          played.listed.push(own, ...played.joining);
          return 0;
        },
        close: () => {},
      });
      status.set(said);
      return said[0] === 0 ? handles++ : -1;
    },
    close(handle) {
      played.calls.push(`close ${handle}`);
      return 0;
    },
    localPort: () => 3000,
    sockets: () => listOf(played.listed, played.listError),
  };
  return { addon, STATUS, STEPS };
});

const { bind } = await import('../../lib/bind/socket.ts');
const { placeOf } = await import('../../lib/bind/places.ts');
const { predict } = await import('../../lib/inspect/predict.ts');
const { mayBeRefused } = await import('../../lib/inspect/limits.ts');
const { explain, inspectPortSync } = await import('../../lib/inspect/index.ts');

function asked(options: object) {
  const request = checkBindOptions({ host: '127.0.0.1', port: 3000, ...options });
  return { request, place: placeOf(request) };
}

function open(options: object = {}) {
  const bound = bind(asked(options).request);
  return 'refusal' in bound ? bound.refusal : bound;
}

const row = (state: number, more: object = {}) => ({
  address: '127.0.0.1',
  family: 4,
  state,
  ipv6Only: false,
  ...more,
});
const timeWait = row(TIME_WAIT, { remoteAddress: '127.0.0.1', remotePort: 50_000, isOpen: false, uid: 501 });

beforeEach(() => {
  played.calls.length = 0;
  played.refused.clear();
  played.listed.length = 0;
  played.joining.length = 0;
  played.listError = 0;
});

describe('a listener on macOS', () => {
  it('is plain where nobody has the address, and asks for no list', () => {
    expect(open()).toMatchObject({ outcome: 'clean' });
    expect(played.calls).toEqual(['ours plain 127.0.0.1:3000']);
  });

  it('goes over leftovers if nothing but connections is listed', () => {
    played.refused.add('plain 127.0.0.1');
    played.listed.push(timeWait);
    expect(open()).toMatchObject({ outcome: 'over-leftovers' });
    expect(played.calls).toEqual(['ours plain 127.0.0.1:3000', 'ours reuse 127.0.0.1:3000']);
  });

  it.each([
    ['listens on the address', row(LISTEN)],
    ['listens on the wildcard', row(LISTEN, { address: '0.0.0.0' })],
    ['listens on a dual-stack wildcard', row(LISTEN, { address: '::', family: 6 })],
    ['is merely bound', row(13)],
  ])('is refused without a second try if somebody %s', (_, holder) => {
    played.refused.add('plain 127.0.0.1');
    played.listed.push(timeWait, holder);
    expect(open()).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    expect(played.calls).toEqual(['ours plain 127.0.0.1:3000']);
  });

  it('tries each address that overlaps if the kernel keeps the list back', () => {
    played.refused.add('plain 127.0.0.1');
    played.listError = 1;
    expect(open()).toMatchObject({ outcome: 'over-leftovers' });
    const tried = ['ours reuse 0.0.0.0:3000', 'ours reuse 127.0.0.1:3000', 'ours reuse 127.0.0.1:3000'];
    const made = played.calls.filter((call) => call.startsWith('ours'));
    expect(made).toEqual(['ours plain 127.0.0.1:3000', ...tried, 'ours reuse 0.0.0.0:3000']);
    expect(played.calls.filter((call) => call.startsWith('close'))).toHaveLength(3);
  });

  it('is refused if somebody has one of them', () => {
    played.refused.add('plain 127.0.0.1').add('reuse 0.0.0.0');
    played.listError = 1;
    expect(open()).toMatchObject({ code: 'EADDRINUSE' });
    // One of the two that were tried had been opened.
    expect(played.calls.filter((call) => call.startsWith('close'))).toHaveLength(1);
  });

  it('gives way to a socket that came in the same moment', () => {
    played.refused.add('plain 127.0.0.1');
    played.listed.push(timeWait);
    played.joining.push(row(LISTEN, { address: '0.0.0.0' }));
    expect(open()).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    expect(played.calls.at(-1)).toMatch(/^close/);
  });

  it.each([{ leftovers: 'refuse' }, { reserve: true }])('never goes over leftovers with %j', (options) => {
    played.refused.add('plain 127.0.0.1');
    played.listed.push(timeWait);
    expect(open(options)).toMatchObject({ code: 'EADDRINUSE' });
    expect(played.calls).toHaveLength(1);
  });

  it('holds the guard over leftovers too', () => {
    for (const address of ['0.0.0.0', '::']) played.refused.add(`plain ${address}`);
    played.listed.push(timeWait);
    expect(open({ host: undefined })).toMatchObject({ outcome: 'over-leftovers' });
    expect(played.calls.slice(0, 3)).toEqual([
      'guard plain 0.0.0.0:3000',
      'guard reuse 0.0.0.0:3000',
      'ours reuse :::3000',
    ]);
  });
});

describe('Object.prototype', () => {
  it.each([1, '0.0.0.0', ['0.0.0.0'], { policy: {} }].map((value) => [value]))(
    'changes no step on macOS, with %j in it by any name of a policy',
    (value) => {
      const steps = () => {
        played.calls.length = 0;
        played.listed.length = 0;
        played.listed.push(timeWait);
        // Compiled anew each time.
        const results = [{}, { host: undefined }].map((more) => {
          const bound = open({ socketOptions: { SO_REUSEADDR: true }, sharing: 'raw', ...more });
          return Object.hasOwn(bound, 'code');
        });
        played.refused.add('plain 127.0.0.1');
        results.push(Object.hasOwn(open(), 'code'), Object.hasOwn(open({ host: undefined }), 'code'));
        played.refused.clear();
        return [results, ...played.calls.filter((call) => !call.startsWith('close'))];
      };
      const expected = steps();
      expect(expected.length).toBeGreaterThan(4);
      expect(policyNames()).toContain('overLeftovers');
      underEach(policyNames(), value, (name) => expect(steps(), name).toEqual(expected));
    },
  );
});

describe('the prediction on macOS', () => {
  it.each([
    ['nothing', [], true],
    ['leftovers of the same user', [{ ...timeWait, uid: process.geteuid?.() }], true],
    ['a listener', [row(LISTEN)], false],
    ['leftovers beside a bound socket', [timeWait, row(13)], false],
  ])('is made from %s', (_, rows, expected) => {
    const { request, place } = asked({});
    expect(predict(rows as SocketRow[], request, place)).toBe(expected);
  });
});

describe('the ports that macOS refuses although nobody has them', () => {
  beforeEach(() => {
    const asUser = vi.spyOn(process, 'geteuid').mockReturnValue(501);
    return () => asUser.mockRestore();
  });

  it.each([
    ['::', 'tcp', 80, false],
    ['0.0.0.0', 'udp', 80, false],
    ['127.0.0.1', 'tcp', 80, true],
    ['127.0.0.1', 'tcp', 8080, false],
    ['::', 'tcp', 55_555, true],
    ['::', 'udp', 55_555, false],
  ] as const)('%s, %s %i: %s', (address, protocol, port, expected) => {
    expect(mayBeRefused(address, { protocol, port })).toBe(expected);
  });

  it('are kept apart, with what to do', () => {
    for (const how of ['plain', 'reuse']) for (const any of ['::', '0.0.0.0']) played.refused.add(`${how} ${any}`);
    expect(inspectPortSync(55_555)).toMatchObject({
      verdict: 'denied',
      reason: expect.stringContaining('macOS keeps this port'),
    });
    const { request, place } = asked({ port: 80 });
    const refusal = { code: 'EACCES', syscall: 'bind' };
    expect(explain({ ...request, host: place.host }, refusal)).toMatchObject({
      verdict: 'privileged',
      remedy: expect.stringContaining('bind every address'),
    });
  });
});
