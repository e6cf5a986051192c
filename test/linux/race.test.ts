// Processes race for one port: exactly one of them listens, every time, and the others get EADDRINUSE.
import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { ownPort } from '../fixtures/ports.ts';
import { type Figures, type Program, Racer, race } from '../fixtures/race/racers.ts';

const ROUNDS = Number(process.env.EXACTBIND_RACES ?? 100);
const MORE = availableParallelism() > 1 ? 1000 : 0;
const TIMEOUT = 30_000 + (ROUNDS + MORE) * 120;

const racers: Racer[] = [];
afterEach(() => Promise.all(racers.splice(0).map((racer) => racer.end())));

async function figuresOf(programs: Program[], leftovers: boolean): Promise<Figures> {
  for (const program of programs) racers.push(new Racer(program, racers.length));
  const port = ownPort();
  // More than one: a TIME_WAIT can be ended early by a reset (RFC 1337).
  if (leftovers) await race(racers, port, 10, leftovers);
  const began = performance.now();
  const figures = await race(racers, port, ROUNDS, leftovers);
  // On a busy machine they may run one after another for long, and nothing was proved until they have not.
  for (let more = 0; figures.collisions === 0 && more < MORE; more++) {
    const { listeners, collisions } = await race(racers, port, 1, leftovers);
    expect(listeners).toEqual({ 1: 1 });
    figures.collisions += collisions;
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const where = leftovers ? 'over leftovers' : 'on a free port';
  console.info(`${ROUNDS} races of ${programs.length} ${where}: ${seconds} s ${JSON.stringify(figures)}`);
  return figures;
}

const ours = (racing: number) => Array<Program>(racing).fill('exactbind');

// Else nothing was proved.
function expectCollisions(figures: Figures): void {
  if (availableParallelism() > 1) expect(figures.collisions).toBeGreaterThan(0);
}

describe('a race for one port', () => {
  it.each([2, 8])('of %i processes has one listener on a free port', { timeout: TIMEOUT }, async (racing) => {
    const figures = await figuresOf(ours(racing), false);
    expect(figures).toMatchObject({ listeners: { 1: ROUNDS }, losers: { EADDRINUSE: ROUNDS * (racing - 1) } });
    // A rival that is beaten between its setsockopt() and its listen() looks like a leftover; a busy machine stops more there.
    expect(Object.keys(figures.unchallenged)).not.toContain('over-leftovers');
    // How often that happens is a matter of how busy the machine is.
    expect(figures.outcomes.clean).toBeGreaterThan(0);
    expectCollisions(figures);
  });

  it.each([2, 8])('of %i processes has one listener over leftovers', { timeout: TIMEOUT }, async (racing) => {
    const figures = await figuresOf(ours(racing), true);
    expect(figures).toMatchObject({ listeners: { 1: ROUNDS }, losers: { EADDRINUSE: ROUNDS * (racing - 1) } });
    expect(figures.outcomes).toEqual({ 'over-leftovers': ROUNDS });
    expectCollisions(figures);
  });

  it.each([
    ['a free port', 2],
    ['leftovers', 2],
    ['a free port', 8],
    ['leftovers', 8],
  ])('on %s against CPython has one listener among %i', { timeout: TIMEOUT }, async (port, racing) => {
    const programs = ours(racing).with(-1, 'cpython');
    const figures = await figuresOf(programs, port === 'leftovers');
    expect(figures).toMatchObject({ listeners: { 1: ROUNDS }, losers: { EADDRINUSE: ROUNDS * (racing - 1) } });
    expectCollisions(figures);
  });
});
