// The other process of the matrix, where it does not start, or ends before its time.
import type * as childProcess from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';

const played = vi.hoisted(() => ({ options: {} as childProcess.ForkOptions }));

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof childProcess>();
  const compiled = new URL('../../dist/matrix-process.cjs', import.meta.url);
  const fork = (_: string, options: childProcess.ForkOptions) =>
    real.fork(fileURLToPath(compiled), { ...options, ...played.options });
  return { ...real, fork };
});

const { OtherProcess } = await import('../../lib/matrix/other.ts');

describe('the other process', () => {
  it('rejects what it is asked after its end', async () => {
    played.options = {};
    const other = new OtherProcess();
    await expect(other.close()).resolves.toEqual({});
    await other.kill();
    await expect(other.close()).rejects.toThrow(/closed/i);
    await other.kill();
  });

  it('rejects what it is asked if it could not be started', async () => {
    played.options = { execPath: '/no/such/node' };
    const other = new OtherProcess();
    await expect(other.close()).rejects.toThrow();
    await other.kill();
  });
});
