// Processes race for one path: one of them listens and is reached there, every time, and nobody's file is removed by another.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownFolder } from '../fixtures/unix/holder.ts';
import { type Before, PathRacer, racePaths } from '../fixtures/unix/racers.ts';

const ROUNDS = Number(process.env.EXACTBIND_RACES ?? 100);
const MORE = availableParallelism() > 1 ? 1000 : 0;
const TIMEOUT = 60_000 + (ROUNDS + MORE) * 120;

const run = async (racing: number, before: Before) => {
  const path = join(ownFolder(), 'app.sock');
  const racers = Array.from({ length: racing }, (_, number) => new PathRacer(number));
  if (before === 'a leftover') await racePaths(racers, path, 1, before);
  const began = performance.now();
  const figures = await racePaths(racers, path, ROUNDS, before);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  // On a busy machine they may run one after another for long, and nothing was proved until they have not.
  for (let more = 0; figures.collisions === 0 && more < MORE; more++) {
    const { listeners, collisions } = await racePaths(racers, path, 1, before);
    if (before !== 'somebody who closes') expect(listeners).toEqual({ 1: 1 });
    figures.collisions += collisions;
  }
  if (availableParallelism() > 1) expect(figures.collisions).toBeGreaterThan(0);
  console.info(`${ROUNDS} races of ${racing}, ${before} there: ${seconds} s ${JSON.stringify(figures)}`);
  return { figures, left: readdirSync(join(path, '..')) };
};

describe('a race for one path', () => {
  it.each([2, 6])('of %i processes has one listener where nothing is', { timeout: TIMEOUT }, async (racing) => {
    const { figures, left } = await run(racing, 'nothing');
    expect(figures).toMatchObject({ listeners: { 1: ROUNDS }, unreached: 0, outcomes: { clean: ROUNDS } });
    expect(figures.losers).toEqual({ EADDRINUSE: ROUNDS * (racing - 1) });
    expect(left).toEqual([]);
  });

  it.each([2, 6])('of %i processes has one listener over a leftover', { timeout: TIMEOUT }, async (racing) => {
    const { figures, left } = await run(racing, 'a leftover');
    expect(figures).toMatchObject({ listeners: { 1: ROUNDS }, unreached: 0, outcomes: { 'over-leftovers': ROUNDS } });
    expect(figures.losers).toEqual({ EADDRINUSE: ROUNDS * (racing - 1) });
    expect(left).toEqual(['app.sock']);
  });

  it.each([2, 6])(
    'of %i processes, one of which closes, removes nobody’s file',
    { timeout: TIMEOUT },
    async (racing) => {
      const { figures } = await run(racing, 'somebody who closes');
      expect(figures.unreached).toBe(0);
      expect(Object.keys(figures.listeners).every((many) => many === '0' || many === '1')).toBe(true);
      expect(figures.listeners[1]).toBeGreaterThan(0);
      expect(Object.keys(figures.losers)).toEqual(['EADDRINUSE']);
    },
  );
});
