// A server that was closed or killed starts again on its port at once, whatever its earlier start was like.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BindOptions, BoundSocket } from 'exactbind';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Actor } from '../fixtures/actor.ts';
import { hasIpv6 } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { ClientProcess, ServerProcess } from '../fixtures/restart/processes.ts';
import { statesOn } from '../fixtures/tcp-states.ts';

const RESTARTS = 50;
const CONNECTIONS = Number(process.env.EXACTBIND_CONNECTIONS ?? 50);

const processes: (ServerProcess | ClientProcess)[] = [];
const actors: Actor[] = [];
function clients(): ClientProcess {
  const made = new ClientProcess();
  processes.push(made);
  return made;
}
function server(ports: readonly BindOptions[], count: number, env?: NodeJS.ProcessEnv): ServerProcess {
  const made = new ServerProcess(ports, count, env);
  processes.push(made);
  return made;
}
afterEach(async () => {
  await Promise.all(processes.splice(0).map((made) => made.kill()));
  await Promise.all(actors.splice(0).map((made) => made.end()));
});

/** How a server ends under its connections; the clients keep theirs open if it does not close them. */
type Ending = (ending: ServerProcess, connected: ClientProcess) => Promise<unknown>;

const closes: Ending = (ending, connected) => {
  ending.closeFirst();
  return Promise.all([connected.drain(), ending.exited()]);
};
const isKilled: Ending = (ending) => ending.kill();

const ENDINGS: [what: string, ending: Ending, leaves: string][] = [
  ['closed its connections', closes, 'TIME_WAIT'],
  ['was killed under its connections', isKilled, 'FIN_WAIT2'],
];

type Start = (server: ServerProcess, connected: ClientProcess) => Promise<unknown>;

const quietly: Start = (starting) => starting.started();
/** Clients try to connect all the time while the server starts. */
const underClients: Start = (_, connected) => connected.ready();

/** A server that starts, accepts as many connections on each port and ends; what it said of its start. */
async function run(
  ports: readonly number[],
  count: number,
  connected: ClientProcess,
  { start = quietly, ending = isKilled, options = {} }: { start?: Start; ending?: Ending; options?: BindOptions },
): Promise<unknown[]> {
  await connected.ready();
  const made = server(
    ports.map((port) => ({ ...options, port })),
    count,
  );
  await start(made, connected);
  const connecting = connected.connect(ports, count);
  // Where a start fails, nobody answers the clients.
  connecting.catch(() => {});
  const outcomes = await made.outcomes();
  if (outcomes.includes('EADDRINUSE')) return outcomes;
  if (start === underClients) expect(await connecting, 'refused before the server listened').toBeGreaterThan(0);
  await ending(made, connected);
  return outcomes;
}

describe('outcome', () => {
  it('is clean after nothing', () => {
    const port = ownPort();
    new BoundSocket({ port }).close();
    using bound = new BoundSocket({ port });
    expect(bound.outcome).toBe('clean');
  });

  it.each(ENDINGS)('is over-leftovers after a server that %s', async (_, ending, leaves) => {
    const port = ownPort();
    await run([port], 10, clients(), { ending });
    await expect.poll(() => statesOn(port)).toEqual([leaves]);
    using bound = new BoundSocket({ port });
    expect(bound.outcome).toBe('over-leftovers');
  });

  it.each(ENDINGS)("is EADDRINUSE with leftovers: 'refuse' after a server that %s", async (_, ending, leaves) => {
    const port = ownPort();
    await run([port], 10, clients(), { ending });
    await expect.poll(() => statesOn(port)).toEqual([leaves]);
    const refused = expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind', port });
    expect(() => new BoundSocket({ port, leftovers: 'refuse' })).toThrow(refused);
    expect(() => new BoundSocket({ port, reserve: true })).toThrow(refused);
  });

  it('is EADDRINUSE over what a listener without SO_REUSEADDR leaves: the tests below would see it', async () => {
    const port = ownPort();
    const actor = new Actor();
    actors.push(actor);
    const { id } = await actor.open({ host: '127.0.0.1', port, listen: true });
    await clients().connect([port], 1);
    await actor.accept(id as number);
    await actor.end('SIGKILL');
    await expect.poll(() => statesOn(port)).toEqual(['FIN_WAIT2']);
    expect(() => new BoundSocket({ port })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
  });
});

describe('a client that connects in the instant of listen()', () => {
  const file = (name: string) => fileURLToPath(new URL(`../fixtures/restart/${name}`, import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
  const preloaded = join(folder, 'connect-in-listen.so');
  needs('gcc');
  beforeAll(() => {
    spawnSync('cc', ['-shared', '-fPIC', '-o', preloaded, file('connect-in-listen.c'), '-ldl']);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.for<[name: string, options: BindOptions]>([
    ['plain', {}],
    ["with leftovers: 'refuse'", { leftovers: 'refuse' }],
    ['with an adopted reservation', { reserve: true }],
  ])('does not block the next start after one %s', async ([, options]) => {
    const port = ownPort();
    // The client connects to the address of the server, which without IPv6 nobody reaches on ::.
    const made = server([{ ...options, host: hasIpv6 ? '::' : '0.0.0.0', port }], 1, { LD_PRELOAD: preloaded });
    expect(await made.outcomes()).toEqual(['clean']);
    // The server closes before it is killed, for else the client, which lives in its process, might.
    made.closeFirst();
    await expect.poll(() => statesOn(port)).toContain('FIN_WAIT2');
    await made.kill();
    await expect.poll(() => statesOn(port)).toEqual(['TIME_WAIT']);
    using bound = new BoundSocket({ port });
    expect(bound.outcome).toBe('over-leftovers');
  });
});

const all = (outcome: string) => Array(RESTARTS).fill(outcome);

describe(`a server starts again in its first attempt, ${RESTARTS} times of ${RESTARTS}`, () => {
  it.each([
    ['closed its connections', { ending: closes }],
    ['was killed under its connections', { ending: isKilled }],
    ['was killed, with clients connecting all the time', { ending: isKilled, start: underClients }],
  ])(`when it %s, ${CONNECTIONS} of them`, { timeout: 240_000 }, async (_, how) => {
    const connected = clients();
    const port = ownPort();
    expect(await run([port], CONNECTIONS, connected, how)).toEqual(['clean']);
    for (let i = 1; i <= RESTARTS; i++) {
      expect(await run([port], CONNECTIONS, connected, how), `restart ${i}`).toEqual(['over-leftovers']);
    }
  });

  // These start where nothing is left, so that each of them takes a port of its own.
  describe.each<[name: string, options: BindOptions]>([
    ["leftovers: 'refuse'", { leftovers: 'refuse' }],
    ['an adopted reservation', { reserve: true }],
  ])('after a start with %s and clients connecting all the time', (_name, options) => {
    it.each(ENDINGS)('when it %s', async (_, ending) => {
      const ports = Array.from({ length: RESTARTS }, ownPort);
      const first = await run(ports, CONNECTIONS / RESTARTS, clients(), { options, ending, start: underClients });
      expect(first).toEqual(all('clean'));
      const again = server(
        ports.map((port) => ({ port })),
        0,
      );
      const outcomes = await again.outcomes();
      expect(outcomes).toHaveLength(RESTARTS);
      // An ACK that a FIN overtakes lets a reset end TIME_WAIT at once (RFC 1337): such a port is clean again.
      const over = outcomes.filter((outcome) => outcome !== 'clean');
      expect(over).toEqual(Array(over.length).fill('over-leftovers'));
      // Else nothing was proved; how many it are is a matter of how busy the machine is.
      expect(over.length).toBeGreaterThan(0);
    });
  });
});
