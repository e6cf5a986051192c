// What measures the matrix, where the system or another program does not do what this machine does.
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeFirsts, type Surroundings } from '../../matrix/first.ts';
import { Measurement } from '../../matrix/measurement.ts';
import { OtherProcess } from '../../matrix/other.ts';
import { Party, type Wish } from '../../matrix/party.ts';
import { Peers } from '../../matrix/peers.ts';
import { whoReceives } from '../../matrix/probe.ts';
import { Rivals } from '../../matrix/rivals.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

/** The commands of the other process, and what it does when it is killed. */
const played = vi.hoisted(() => ({ become: {} as object, kill: async (_party: Party): Promise<void> => {} }));

vi.mock('../../matrix/other.ts', () => ({
  OtherProcess: class {
    readonly #parties: Party[] = [];
    attempt(wish: Wish, id = 0) {
      const party = new Party();
      this.#parties[id] = party;
      return party.attempt(wish);
    }
    serve(name: string, id = 0) {
      this.#parties[id]?.serve(name);
    }
    become() {
      return played.become;
    }
    async kill() {
      await Promise.all(this.#parties.splice(0).map((party) => played.kill(party)));
    }
  },
}));

const HOST = '127.0.0.1';
const surroundings: Surroundings = {
  here: [HOST],
  peers: new Peers(),
  startOther: () => new OtherProcess(['']),
};
const wishFor = (port: number): Wish => ({ protocol: 'tcp', sharing: 'none', address: HOST, port });
const open = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'));

const servers: Server[] = [];
async function serving(server: Server): Promise<number> {
  servers.push(server);
  const port = ownPort();
  await new Promise<void>((done) => server.listen(port, HOST, done));
  return port;
}

afterEach(() => {
  vi.restoreAllMocks();
  for (const server of servers.splice(0)) server.close();
});

describe('orphans', () => {
  const reset = (party: Party) => party.close();
  const end = async (party: Party) => {
    party.stopListening();
    // Until they are reset.
    party.endConnections().catch(() => {});
  };

  it.each([
    ['a reset', reset],
    ['an end', end],
  ])('are made where a killed process leaves %s', async (_, kill) => {
    played.kill = kill;
    let count = 0;
    for await (const first of makeFirsts('orphan', [ownPort(), ownPort()].map(wishFor), surroundings)) {
      expect(() => first.listen()).toThrow('no process');
      count++;
    }
    expect(count).toBe(2);
    await expect.poll(open).toEqual([]);
  });

  it('leave nothing open if one of them cannot be made, or the process not be killed', async () => {
    played.kill = reset;
    const port = ownPort();
    const twice = makeFirsts('orphan', [port, port].map(wishFor), surroundings);
    await expect(twice.next()).rejects.toThrow(`refused port ${port}: EADDRINUSE`);
    let kills = 0;
    played.kill = async (party) => {
      await end(party);
      if (kills++ === 0) throw new Error('not killed');
    };
    const unkilled = makeFirsts('orphan', [ownPort(), ownPort()].map(wishFor), surroundings);
    await expect(unkilled.next()).rejects.toThrow('not killed');
    await expect.poll(open).toEqual([]);
  });
});

describe('a first', () => {
  it.each([
    ['is silent', 'nobody answered', createServer((connection) => connection.on('error', () => {}))],
    ['closes', 'closed without an answer', createServer((connection) => connection.end())],
    ['resets', 'ECONNRESET', createServer((connection) => connection.resetAndDestroy())],
  ])('is not made if its client reaches another program that %s', async (_, message, server) => {
    const port = await serving(server);
    vi.spyOn(Party.prototype, 'attempt').mockReturnValue({ bind: 'ok', listen: 'ok' });
    vi.spyOn(Party.prototype, 'serve').mockReturnValue(undefined);
    await expect(makeFirsts('accepted', [wishFor(port)], surroundings).next()).rejects.toThrow(message);
  });
});

describe('who receives', () => {
  const answering = (answer: (nth: number) => string | undefined) => {
    let count = 0;
    return serving(
      createServer((connection) => {
        connection.on('error', () => {});
        connection.end(answer(count++) ?? '');
      }),
    );
  };

  it('is one of two where an answer is lost', async () => {
    const port = await answering((nth) => (nth % 8 === 1 ? undefined : 'first'));
    expect(await whoReceives('tcp', port, HOST, 2)).toBe('first');
  });

  it('is either of two where both have answered, and nobody where none has', async () => {
    const either = await answering((nth) => [undefined, 'first', 'second'][nth % 3]);
    expect(await whoReceives('tcp', either, HOST, 2)).toBe('either');
    const none = await answering(() => undefined);
    expect(await whoReceives('tcp', none, HOST, 2)).toBe('none');
    expect(await whoReceives('tcp', none, HOST, 1)).toBe('none');
  });
});

describe('a measurement', () => {
  it('closes its peers if one of them is refused', async () => {
    vi.spyOn(Party.prototype, 'bind').mockReturnValue('EADDRNOTAVAIL');
    const cells = new Measurement('linux', [HOST], { by: new Map() } as Rivals).cells();
    await expect(cells.next()).rejects.toThrow('a peer (udp 127.0.0.1) was refused: EADDRNOTAVAIL');
    await expect.poll(open).toEqual([]);
  });
});

describeOn('linux', 'darwin')('why there is no other user', () => {
  it('is the error of the system where root is told one', async () => {
    played.become = { error: 'EINVAL, setuid' };
    vi.spyOn(process, 'geteuid').mockReturnValue(0);
    const root = new Rivals(['']);
    await root.start();
    expect(root.whyAlone).toBe('EINVAL, setuid');
    vi.spyOn(process, 'geteuid').mockReturnValue(1000);
    const user = new Rivals(['']);
    await user.start();
    expect(user.whyAlone).toBe('it takes root to become another user');
  });
});
