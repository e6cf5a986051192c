// inspectPort() beside real holders: who has the port is as it is, and `bindable` is what bind() and listen() then do.
// @module-tag sanitize
import { userInfo } from 'node:os';
import {
  type Bindable,
  type BindOptions,
  BoundSocket,
  type Holder,
  inspectPort,
  inspectPortSync,
  type Protocol,
  type Verdict,
} from 'exactbind';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Actor, type Answer, type OpenCommand } from '../fixtures/actor.ts';
import { hasIpv6 } from '../fixtures/facts.ts';
import {
  AS_NOBODY,
  type Holding,
  hold,
  holdAsLooker,
  IN_ANOTHER_NETWORK,
  look,
  NOBODY,
} from '../fixtures/inspect/processes.ts';
import { type Need, needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { statesOn } from '../fixtures/tcp-states.ts';

// Another spelling of 127.0.0.1.
const MAPPED = '::ffff:127.0.0.1';
const HOSTS = [undefined, '0.0.0.0', '127.0.0.1', '127.0.0.2', ...(hasIpv6 ? ['::', '::1', MAPPED] : [])];
type Host = (typeof HOSTS)[number];

/** The hosts at which a holder of the address is in the way. */
const BESIDE: Record<string, readonly Host[]> = {
  nothing: [],
  '0.0.0.0': [undefined, '0.0.0.0', '127.0.0.1', '127.0.0.2', '::', MAPPED],
  '127.0.0.1': [undefined, '0.0.0.0', '127.0.0.1', '::', MAPPED],
  '127.0.0.2': [undefined, '0.0.0.0', '127.0.0.2', '::'],
  '::': HOSTS,
  ':: alone': [undefined, '::', '::1'],
  '::1': [undefined, '::', '::1'],
  '::1, not V6ONLY': [undefined, '0.0.0.0', '::', '::1'],
};

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

function actor(): Actor {
  const made = new Actor();
  endings.push(() => made.end());
  return made;
}

async function holding(made: Promise<Holding>): Promise<number> {
  const { pid, end } = await made;
  endings.push(end);
  return pid;
}

/** The name of this user; in a container there may be none. */
function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

const pidOf = ({ process: { pid } }: Actor) => pid as number;

/** Fails where the scene could not be set, instead of testing another one. */
async function done(answer: Promise<Answer>): Promise<{ id: number; localPort: number }> {
  const { error, syscall, id = -1, localPort = -1 } = await answer;
  if (error !== undefined) throw new Error(`${syscall ?? 'connect'} ${error}`);
  return { id, localPort };
}

interface Scene {
  readonly verdict: Verdict;
  /** The address that decides where it is seen. */
  readonly at: string;
  readonly holders: readonly Partial<Holder>[];
}

type Stage = (port: number) => Promise<Scene>;

const opened =
  (command: OpenCommand, holder: Partial<Holder> = {}): Stage =>
  async (port) => {
    const made = actor();
    await done(made.open({ ...command, port }));
    const { host, ipv6Only, protocol = 'tcp', listen } = command;
    const state = protocol === 'udp' ? 'UNCONN' : listen ? 'LISTEN' : 'BOUND';
    return {
      verdict: listen || protocol === 'udp' ? 'listening' : 'bound',
      at: ipv6Only ? ':: alone' : host,
      holders: [{ pid: pidOf(made), uid: process.getuid?.() as number, state, address: host, ...holder }],
    };
  };

const unseen =
  (stage: Stage): Stage =>
  async (port) => {
    await stage(port);
    return { verdict: 'free', at: 'nothing', holders: [] };
  };

/** Sockets of one group, each of a process of its own. */
const group =
  (count: number, command: OpenCommand, uid?: number): Stage =>
  async (port) => {
    const holders: Partial<Holder>[] = [];
    for (let i = 0; i < count; i++) {
      const made = actor();
      if (uid !== undefined) await made.become(uid);
      await done(made.open({ ...command, port }));
      holders.push({ pid: pidOf(made), uid: uid ?? (process.getuid?.() as number), self: false, sameProgram: false });
    }
    return { verdict: 'listening', at: command.host, holders };
  };

const LOCAL = '127.0.0.1';

interface Connected {
  readonly server: Actor;
  readonly client: Actor;
  readonly listener: number;
  readonly accepted: number;
  readonly connection: number;
}

/** A listener on the port, and a client of another process that it has accepted. */
async function connected(
  port: number,
  options: OpenCommand['options'] = [],
  [host, target] = [LOCAL, LOCAL],
): Promise<Connected> {
  const [server, client] = [actor(), actor()];
  const { id: listener } = await done(server.open({ host, port, options, listen: true }));
  const { id: connection } = await done(client.connect({ host: target, port }));
  const { id: accepted } = await done(server.accept(listener));
  return { server, client, listener, accepted, connection };
}

const timeWait =
  (options: OpenCommand['options']): Stage =>
  async (port) => {
    const { server, client, listener, accepted, connection } = await connected(port, options);
    await server.close(accepted);
    await client.close(connection);
    await server.close(listener);
    await expect.poll(() => statesOn(port)).toEqual(['TIME_WAIT']);
    const holder = { state: 'TIME_WAIT', address: LOCAL, remoteAddress: LOCAL, self: false, sameProgram: null };
    return { verdict: 'leftovers', at: LOCAL, holders: [holder] };
  };

const killed =
  (options: OpenCommand['options']): Stage =>
  async (port) => {
    const { server } = await connected(port, options);
    await server.end('SIGKILL');
    await expect.poll(() => statesOn(port)).toEqual(['FIN_WAIT2']);
    return { verdict: 'leftovers', at: LOCAL, holders: [{ state: 'FIN_WAIT2', address: LOCAL, sameProgram: null }] };
  };

const accepted =
  (options: OpenCommand['options']): Stage =>
  async (port) => {
    const { server, listener } = await connected(port, options);
    await server.close(listener);
    return { verdict: 'leftovers', at: LOCAL, holders: [{ pid: pidOf(server), state: 'ESTABLISHED' }] };
  };

const fullBacklog: Stage = async (port) => {
  const [server, client] = [actor(), actor()];
  await done(server.open({ host: LOCAL, port, listen: true, backlog: 0 }));
  await done(client.connect({ host: LOCAL, port }));
  expect(await client.connect({ host: LOCAL, port, timeout: 0.2 })).toEqual({ error: 'ETIMEDOUT' });
  return { verdict: 'listening', at: LOCAL, holders: [{ pid: pidOf(server), state: 'LISTEN' }] };
};

const outgoing: Stage = async (port) => {
  const [server, client] = [actor(), actor()];
  const target = ownPort();
  await done(server.open({ host: LOCAL, port: target, listen: true }));
  await done(client.connect({ host: LOCAL, port: target, localPort: port }));
  const holder = { pid: pidOf(client), state: 'ESTABLISHED', remoteAddress: LOCAL, remotePort: target };
  return { verdict: 'outgoing', at: LOCAL, holders: [holder] };
};

const selfConnected: Stage = async (port) => {
  const made = actor();
  await done(made.connect({ host: LOCAL, port, localPort: port }));
  const holder = { pid: pidOf(made), state: 'ESTABLISHED', remoteAddress: LOCAL, remotePort: port };
  return { verdict: 'outgoing', at: LOCAL, holders: [holder] };
};

/** A socket of this very process. */
const own =
  (options: { protocol?: Protocol; reserve?: boolean }, verdict: Verdict): Stage =>
  async (port) => {
    const bound = new BoundSocket({ ...options, host: LOCAL, port });
    endings.push(() => bound.close());
    return { verdict, at: LOCAL, holders: [{ pid: process.pid, self: true, sameProgram: true }] };
  };

const REUSE = ['SO_REUSEADDR'] as const;
const GROUP = ['SO_REUSEPORT'] as const;
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

/** Attempts that are made in turn, as the policies make them: see lib/systems/linux.ts. */
const ATTEMPTS: Record<Protocol, Record<keyof Bindable, Required<OpenCommand>['options'][]>> = {
  tcp: {
    exclusive: [[], ['SO_REUSEADDR']],
    reuseAddress: [[], ['SO_REUSEADDR']],
    reusePort: [['SO_REUSEADDR', 'SO_REUSEPORT']],
  },
  udp: { exclusive: [[]], reuseAddress: [['SO_REUSEADDR']], reusePort: [['SO_REUSEPORT']] },
};

const MODES = { exclusive: 'exclusive', reuseAddress: 'reuse-address', reusePort: 'reuse-port' } as const;
const modes = Object.keys(MODES) as (keyof Bindable)[];

/** What another process meets that binds there and (TCP) listens. */
async function bindableTo(other: Actor, protocol: Protocol, host: Host, port: number): Promise<Bindable> {
  const can = async (mode: keyof Bindable) => {
    for (const options of ATTEMPTS[protocol][mode]) {
      const answer = await other.open({ host: host ?? '::', port, protocol, options, listen: protocol === 'tcp' });
      if (answer.error === undefined) await other.close(answer.id as number);
      if (answer.error === undefined) return true;
      expect(answer.error).toBe('EADDRINUSE');
    }
    return false;
  };
  return {
    exclusive: await can('exclusive'),
    reuseAddress: await can('reuseAddress'),
    reusePort: await can('reusePort'),
  };
}

/** What BoundSocket meets in this process. */
function bindableHere(protocol: Protocol, host: Host, port: number): Bindable {
  const can = (mode: keyof Bindable) => {
    try {
      new BoundSocket({ port, protocol, sharing: MODES[mode], acceptPartial: true, ...(host && { host }) }).close();
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'EADDRINUSE' });
      return false;
    }
  };
  return { exclusive: can('exclusive'), reuseAddress: can('reuseAddress'), reusePort: can('reusePort') };
}

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
        expect(report.holders, `${host}`).toContainEqual(expect.objectContaining({ port, protocol, ...holder }));
      }
    }
  }
  expect(wrong).toEqual([]);
}

describe('what inspectPort() says of a TCP port is so, beside', () => {
  it.each([...rowsOf(TCP_STAGES), ...rowsOf(IPV6_STAGES, 'IPv6'), ...rowsOf(OTHERS_STAGES)])('%s', (_, stage) =>
    compare('tcp', stage),
  );
});

describe('what inspectPort() says of a UDP port is so, beside', () => {
  it.each([...rowsOf(UDP_STAGES), ...rowsOf(UDP_IPV6_STAGES, 'IPv6')])('%s', (_, stage) => compare('udp', stage));
});

describe('a holder', () => {
  it('in TIME_WAIT belongs to nobody, and tells when it ends', async () => {
    const port = ownPort();
    await timeWait([...REUSE])(port);
    const { holders, freeInMs } = await inspectPort(port);
    expect(holders).toEqual([
      {
        address: LOCAL,
        port,
        remoteAddress: LOCAL,
        remotePort: expect.any(Number),
        protocol: 'tcp',
        state: 'TIME_WAIT',
        self: false,
        sameProgram: null,
        timeLeftMs: freeInMs,
      },
    ]);
    expect(freeInMs).toBeGreaterThan(0);
    expect(freeInMs).toBeLessThanOrEqual(60_000);
    await expect.poll(() => inspectPortSync(port).freeInMs).toBeLessThan(freeInMs as number);
  });

  it('is named by pid, command and user', async () => {
    const port = ownPort();
    const made = actor();
    await done(made.open({ host: LOCAL, port, listen: true }));
    const { holders } = await inspectPort(port);
    expect(holders).toEqual([
      expect.objectContaining({
        pid: pidOf(made),
        command: expect.stringMatching(/python3? .*actor\.py$/),
        self: false,
        sameProgram: false,
      }),
    ]);
    expect(holders[0]?.user).toBe(ownName());
    expect(holders[0]).not.toHaveProperty('hidden');
  });

  it('is told of beside another, where both are in the way', async () => {
    const port = ownPort();
    const [one, two] = [actor(), actor()];
    await done(one.open({ host: LOCAL, port, listen: true }));
    await done(two.open({ host: '127.0.0.2', port }));
    const holders = [
      expect.objectContaining({ pid: pidOf(one), address: LOCAL, state: 'LISTEN' }),
      expect.objectContaining({ pid: pidOf(two), address: '127.0.0.2', state: 'BOUND' }),
    ];
    const report = await inspectPort(port);
    expect(report.verdict).toBe('listening');
    expect(report.holders).toHaveLength(2);
    expect(report.holders).toEqual(expect.arrayContaining(holders));
    expect(inspectPortSync({ port, host: '127.0.0.2' })).toMatchObject({ verdict: 'bound', holders: [holders[1]] });
  });

  it('that runs the same program is known as that, and this process as itself', async () => {
    const port = ownPort();
    const pid = await holding(holdAsLooker({ port }));
    const { later, atOnce } = await look({ port });
    for (const { holders } of [later, atOnce]) expect(holders).toMatchObject([{ pid, self: false, sameProgram: true }]);
    expect(inspectPortSync(port).holders).toMatchObject([{ pid, self: false, sameProgram: false }]);
  });

  it('of another user is told without its pid to who may not see it', async () => {
    needs('another user', 'util-linux');
    const port = ownPort();
    await done(actor().open({ host: '0.0.0.0', port, options: [...REUSE, ...GROUP], listen: true }));
    const nobody = actor();
    await nobody.become(NOBODY);
    const { later, atOnce, refusal } = await look({ port, host: LOCAL }, AS_NOBODY);
    const hidden = { uid: 0, user: 'root', hidden: 'pid hidden from this user', self: false, sameProgram: null };
    const bindable = await bindableTo(nobody, 'tcp', LOCAL, port);
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'listening', bindable, holders: [hidden] });
      expect(report.holders[0]).not.toHaveProperty('pid');
      expect(report.holders[0]).not.toHaveProperty('command');
    }
    expect(refusal?.heldBy).toMatch(
      /^uid 0; pid (hidden from this user|not looked up) \(root.*\) listening on \*:\d+$/,
    );
  });

  it('of the same user, not root, can share a port', async () => {
    needs('another user', 'util-linux');
    const port = ownPort();
    const options: BindOptions = { port, host: LOCAL, sharing: 'reuse-port', acceptPartial: true };
    const pids = [await holding(holdAsLooker(options, AS_NOBODY)), await holding(holdAsLooker(options, AS_NOBODY))];
    const { later, atOnce } = await look({ port, host: LOCAL }, AS_NOBODY);
    const bindable = { exclusive: false, reuseAddress: false, reusePort: true };
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'listening', bindable });
      expect(report.holders.map(({ pid }) => pid).sort()).toEqual(pids.sort());
      for (const holder of report.holders) expect(holder).toMatchObject({ uid: NOBODY, sameProgram: true });
    }
  });
});
