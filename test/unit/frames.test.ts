// Whose frames an error shows, where the package cannot tell its own code from the program's.
import fs from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => vi.restoreAllMocks());

async function shown(existsSync: () => boolean): Promise<string> {
  vi.resetModules();
  const { portRange } = await import('../../lib/port-range.ts');
  vi.spyOn(fs, 'existsSync').mockImplementation(existsSync);
  try {
    portRange(2, 1);
  } catch (error) {
    return (error as Error).stack as string;
  }
  return '';
}

describe('the stack of an error', () => {
  it('has no frame of the package', async () => {
    const stack = await shown(() => true);
    expect(stack).toMatch(/^RangeError \[ERR_OUT_OF_RANGE\]: .*\n {4}at .*frames\.test\.ts/);
    expect(stack).not.toContain('port-range.ts');
  });

  it('has all of them in a bundle', async () => {
    expect(await shown(() => false)).toMatch(/port-range\.ts[\s\S]*frames\.test\.ts/);
  });

  it('has all of them where the permission model refuses to look', async () => {
    const refuse = () => {
      throw Object.assign(new Error('denied'), { code: 'ERR_ACCESS_DENIED' });
    };
    expect(await shown(refuse)).toMatch(/port-range\.ts[\s\S]*frames\.test\.ts/);
  });
});
