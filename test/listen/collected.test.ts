// A BoundSocket that nobody references any more: its socket is closed, and a warning says so.
import { expect, it } from 'vitest';
import { isWindows } from '../fixtures/facts.ts';
import { fixture, run } from '../fixtures/register/run.ts';

it('closes its socket with a warning, unless it was adopted, detached, closed, or its descriptor is known', async () => {
  const { code, stdout, stderr } = await run(['--expose-gc', '--no-warnings', fixture('collected.cjs')]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const collected = ['forgotten', 'guarded', ...(isWindows ? [] : ['path']), 'reserved', 'udp'];
  expect(JSON.parse(stdout)).toEqual({
    taken: ['kept', 'told', 'adopted', ...(isWindows ? [] : ['detached'])],
    warnings: collected.map((name) => `EXACTBIND_COLLECTED ${name}`),
    // The file of a Unix socket.
    left: false,
  });
});
