// inspectPort() beside real holders: who has the port is as it is, and `bindable` is what bind() and listen() then do.
// @module-tag sanitize
import { type Bindable, inspectPort, inspectPortSync, type Protocol, type Verdict } from 'exactbind';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { hasIpv6 } from '../fixtures/facts.ts';
import { bindableHere, bindableTo, modes } from '../fixtures/inspect/bindable.ts';
import { hold, IN_ANOTHER_NETWORK, NOBODY } from '../fixtures/inspect/processes.ts';
import {
  accepted,
  actor,
  connected,
  done,
  endScenes,
  fullBacklog,
  GROUP,
  group,
  holding,
  killed,
  LOCAL,
  opened,
  outgoing,
  own,
  pidOf,
  REUSE,
  type Stage,
  selfConnected,
  timeWait,
  unseen,
} from '../fixtures/inspect/scenes.ts';
import { type Need, needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';

afterEach(endScenes);

// Another spelling of 127.0.0.1, and every address of IPv4 on a socket of IPv6.
const MAPPED = '::ffff:127.0.0.1';
const MAPPED_ANY = '::ffff:0.0.0.0';
const HOSTS = [undefined, '0.0.0.0', '127.0.0.1', '127.0.0.2', ...(hasIpv6 ? ['::', '::1', MAPPED, MAPPED_ANY] : [])];
type Host = (typeof HOSTS)[number];

/** The hosts at which a holder of the address is in the way. */
const BESIDE: Record<string, readonly Host[]> = {
  nothing: [],
  '0.0.0.0': [undefined, '0.0.0.0', '127.0.0.1', '127.0.0.2', '::', MAPPED, MAPPED_ANY],
  '127.0.0.1': [undefined, '0.0.0.0', '127.0.0.1', '::', MAPPED, MAPPED_ANY],
  '127.0.0.2': [undefined, '0.0.0.0', '127.0.0.2', '::', MAPPED_ANY],
  '::': HOSTS,
  ':: alone': [undefined, '::', '::1'],
  '::1': [undefined, '::', '::1'],
  '::1, not V6ONLY': [undefined, '0.0.0.0', '::', '::1'],
};

const UDP = { protocol: 'udp', host: '0.0.0.0' } as const;

const TCP_STAGES: Record<string, Stage> = {
  nothing: async () => ({ verdict: 'free', at: 'nothing', holders: [] }),
  'a listener on 0.0.0.0': opened({ host: '0.0.0.0', listen: true }),
  'a listener on 0.0.0.0 with SO_REUSEADDR': opened({ host: '0.0.0.0', options: [...REUSE], listen: true }),
  'a listener on 127.0.0.1': opened({ host: LOCAL, listen: true }),
  'a listener on 127.0.0.1 with SO_REUSEADDR': opened({ host: LOCAL, options: [...REUSE], listen: true }),
  'a listener on 127.0.0.2': opened({ host: '127.0.0.2', listen: true }),
  'a bound socket': opened({ host: LOCAL }),
  'a bound socket with SO_REUSEADDR': opened({ host: LOCAL, options: [...REUSE] }),
  'a bound socket with SO_REUSEPORT': opened({ host: LOCAL, options: [...GROUP] }),
  'a bound socket on 0.0.0.0': opened({ host: '0.0.0.0' }),
  'a bound socket on 0.0.0.0 with SO_REUSEADDR': opened({ host: '0.0.0.0', options: [...REUSE] }),
  TIME_WAIT: timeWait([]),
  'TIME_WAIT of a listener with SO_REUSEADDR': timeWait([...REUSE]),
  'TIME_WAIT of a listener with SO_REUSEPORT': timeWait([...GROUP]),
  'FIN_WAIT2 of a killed process': killed([]),
  'FIN_WAIT2 of a killed process with SO_REUSEADDR': killed([...REUSE]),
  'an accepted connection whose listener is closed': accepted([]),
  'an accepted connection whose listener is closed, with SO_REUSEADDR': accepted([...REUSE]),
  'a listener with a full backlog': fullBacklog,
  'an outgoing connection': outgoing,
  'an outgoing connection with SO_REUSEADDR': async (port) => {
    const pid = await holding(hold('client', port));
    return { verdict: 'outgoing', at: LOCAL, holders: [{ pid, state: 'ESTABLISHED', remoteAddress: LOCAL }] };
  },
  'a socket connected to itself': selfConnected,
  'a group of four': group(4, { host: LOCAL, options: [...GROUP], listen: true }),
  'a group of four on 0.0.0.0 with SO_REUSEADDR': group(4, {
    host: '0.0.0.0',
    options: [...REUSE, ...GROUP],
    listen: true,
  }),
  'UDP on the same number': unseen(opened(UDP)),
  'a listener of this process': own({}, 'listening'),
  'a reservation of this process': own({ reserve: true }, 'bound'),
};

const IPV6_STAGES: Record<string, Stage> = {
  'a listener on ::1': opened({ host: '::1', listen: true }),
  'a listener on ::, dual': opened({ host: '::', listen: true }),
  'a listener on ::, dual, with SO_REUSEADDR': opened({ host: '::', options: [...REUSE], listen: true }),
  'a listener on ::, V6ONLY': opened({ host: '::', ipv6Only: true, listen: true }),
  'a listener on 127.0.0.1 by its IPv6 spelling': async (port) => ({
    ...(await opened({ host: MAPPED, listen: true })(port)),
    at: LOCAL,
  }),
  'a listener on every address of IPv4, by a socket of IPv6': async (port) => ({
    ...(await opened({ host: MAPPED_ANY, listen: true })(port)),
    at: '0.0.0.0',
  }),
  'a bound socket on every address of IPv4, of IPv6, with SO_REUSEADDR': async (port) => ({
    ...(await opened({ host: MAPPED_ANY, options: [...REUSE] })(port)),
    at: '0.0.0.0',
  }),
  // Its address is ::1, and 0.0.0.0 cannot be bound beside it.
  'an accepted IPv6 connection of a closed ::': async (port) => {
    const { server, listener } = await connected(port, [], ['::', '::1']);
    await server.close(listener);
    const holder = { pid: pidOf(server), state: 'ESTABLISHED', address: '::1' };
    return { verdict: 'leftovers', at: '::1, not V6ONLY', holders: [holder] };
  },
  'a bound socket on ::, dual': opened({ host: '::' }),
  'a bound socket on ::, V6ONLY, with SO_REUSEADDR': opened({ host: '::', ipv6Only: true, options: [...REUSE] }),
};

const UDP_STAGES: Record<string, Stage> = {
  nothing: TCP_STAGES.nothing as Stage,
  'a socket on 0.0.0.0': opened(UDP),
  'a socket on 127.0.0.1': opened({ ...UDP, host: LOCAL }),
  'a socket with SO_REUSEADDR': opened({ ...UDP, options: [...REUSE] }),
  'a group of four': group(4, { ...UDP, options: [...GROUP] }),
  'a connected socket': async (port) => {
    const pid = await holding(hold('talks-udp', port));
    return { verdict: 'outgoing', at: LOCAL, holders: [{ pid, state: 'ESTABLISHED', remoteAddress: LOCAL }] };
  },
  'a TCP listener on the same number': unseen(opened({ host: '0.0.0.0', listen: true })),
  'a socket of this process': own({ protocol: 'udp' }, 'listening'),
};

const UDP_IPV6_STAGES: Record<string, Stage> = {
  'a socket on ::, dual': opened({ ...UDP, host: '::' }),
  'a socket on every address of IPv4, of IPv6': async (port) => ({
    ...(await opened({ ...UDP, host: MAPPED_ANY })(port)),
    at: '0.0.0.0',
  }),
  'a socket on ::, V6ONLY': opened({ ...UDP, host: '::', ipv6Only: true }),
  'a socket on ::1 with SO_REUSEADDR': opened({ ...UDP, host: '::1', options: [...REUSE] }),
};

const OTHERS_STAGES: Record<string, Stage> = {
  'a group of two of another user': group(2, { host: LOCAL, options: [...GROUP], listen: true }, NOBODY),
  'a listener of another user': group(1, { host: '0.0.0.0', options: [...REUSE], listen: true }, NOBODY),
  'a listener on one device': async (port) => {
    needs('a bind to a device');
    const pid = await holding(hold('on-device', port));
    return { verdict: 'listening', at: '0.0.0.0', holders: [{ pid, state: 'LISTEN' }] };
  },
  'a listener in another network': unseen(async (port) => {
    needs('another network');
    await holding(hold('listener', port, IN_ANOTHER_NETWORK));
    return { verdict: 'free', at: 'nothing', holders: [] };
  }),
};

/** What the kernel's quick check lets in (sk_reuseport_match), though no list shows why. */
const REMEMBERED_STAGES: Record<string, Stage> = {
  'a listener of another user, once a socket of ours with SO_REUSEPORT has gone': async (port) => {
    const scene = await group(1, { host: '0.0.0.0', listen: true }, NOBODY)(port);
    const seed = actor();
    const { id } = await done(seed.open({ host: '::', ipv6Only: true, options: [...GROUP], port }));
    await seed.close(id);
    return scene;
  },
};

/** One line: the verdict, the modes in which it can be bound, and how many hold it. */
const inWords = (verdict: Verdict, bindable: Bindable, holders: number) =>
  `${verdict}, ${modes.map((mode) => `${mode} ${bindable[mode]}`).join(', ')}, holders ${holders}`;

/** What tries to bind beside the holders: one for all tests. */
let other: Actor | undefined;
afterAll(() => other?.end());

function rowsOf(stages: Record<string, Stage>, ...wanted: Need[]): [name: string, stage: Stage][] {
  return Object.entries(stages).map(([name, stage]) => [
    name,
    (port) => {
      needs(...wanted);
      return stage(port);
    },
  ]);
}

async function compare(protocol: Protocol, stage: Stage): Promise<void> {
  other ??= new Actor({ outlives: 'its test' });
  const port = ownPort();
  const { verdict, at, holders } = await stage(port);
  const wrong: string[] = [];
  for (const host of HOSTS) {
    const isSeen = BESIDE[at]?.includes(host);
    const asked = { port, protocol, ...(host && { host }) };
    const reports = { inspectPort: await inspectPort(asked), inspectPortSync: inspectPortSync(asked) };
    const isSo = (bindable: Bindable) => inWords(isSeen ? verdict : 'free', bindable, isSeen ? holders.length : 0);
    const really = isSo(await bindableTo(other, protocol, host, port));
    const compareWith = (who: string, said: string) => {
      if (said !== really) wrong.push(`${host}: ${who}: ${said}; really: ${really}`);
    };
    compareWith('BoundSocket', isSo(bindableHere(protocol, host, port)));
    for (const [who, report] of Object.entries(reports)) {
      compareWith(who, inWords(report.verdict, report.bindable, report.holders.length));
      expect(report).toMatchObject({ port, protocol, host: host ?? '::' });
      for (const holder of isSeen ? holders : []) {
        expect(report.holders, `${host}: ${who}: ${JSON.stringify(report)}`).toContainEqual(
          expect.objectContaining({ port, protocol, ...holder }),
        );
      }
    }
  }
  expect(wrong).toEqual([]);
}

describe('what inspectPort() says of a TCP port is so, beside', () => {
  it.each([
    ...rowsOf(TCP_STAGES),
    ...rowsOf(IPV6_STAGES, 'IPv6'),
    ...rowsOf(OTHERS_STAGES),
    ...rowsOf(REMEMBERED_STAGES, 'IPv6'),
  ])('%s', (_, stage) => compare('tcp', stage));
});

describe('what inspectPort() says of a UDP port is so, beside', () => {
  it.each([...rowsOf(UDP_STAGES), ...rowsOf(UDP_IPV6_STAGES, 'IPv6')])('%s', (_, stage) => compare('udp', stage));
});
