// The other process of the matrix, where it does not start, or ends before its time.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OtherProcess } from '../../matrix/other.ts';

const command = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));

describe('the other process', () => {
  it('rejects what it is asked after its end', async () => {
    const other = new OtherProcess([command, 'matrix-party']);
    await expect(other.close()).resolves.toEqual({});
    await other.kill();
    await expect(other.close()).rejects.toThrow(/closed/i);
    await other.kill();
  });

  it('rejects what it is asked if it could not be started', async () => {
    const other = new OtherProcess(['/no/such/module']);
    await expect(other.close()).rejects.toThrow();
    await other.kill();
  });
});
