// The kernel's quick check of SO_REUSEPORT (sk_reuseport_match), by which another user binds :: beside a listener: who is safe.
import { type BindOptions, BoundSocket } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { quiet } from '../fixtures/facts.ts';
import { NOBODY, neighbour } from '../fixtures/hijack/neighbours.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';

/** What another user comes to: with the first socket, which may be there, and with ::, which may not. */
async function intrusion(options: BindOptions, seed: string): Promise<string> {
  const port = ownPort();
  using bound = new BoundSocket({ ...quiet, port, ...options });
  await using other = neighbour('seed', seed, port, NOBODY);
  return `${await other.says()}, ${bound.exclusivity}`;
}

describe('another user with SO_REUSEPORT', () => {
  it.for<[options: BindOptions, seed: string, alone: string]>([
    [{}, '0.0.0.0', 'out out, full'],
    [{ host: '0.0.0.0' }, '::', 'in in, partial'],
    [{ host: '127.0.0.1' }, '::', 'in in, partial'],
    [{ host: '::', ipv6Only: true }, '0.0.0.0', 'in in, partial'],
    [{ host: '::1' }, '0.0.0.0', 'in in, partial'],
  ])('gets nowhere beside %j with a guard, from %s', async ([options, seed, alone]) => {
    needs('another user', 'util-linux');
    expect(await intrusion(options, seed)).toBe(alone);
    expect(await intrusion({ ...options, guard: true }, seed)).toBe('out out, full');
    expect(await intrusion({ ...options, guard: true, reserve: true }, seed)).toBe('out out, full');
  });
});
