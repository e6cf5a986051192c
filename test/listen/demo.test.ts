// `npm start` shows what happens, and fails where something else happens than it promises.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fixture, run } from '../fixtures/register/run.ts';

const demo = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));

describe('the demonstration', () => {
  it('has no cross', async () => {
    const { code, stdout, stderr } = await run([demo]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('✘');
    expect(stdout).toMatch(/ ✔ a restart on the same port +serves again, /);
  });

  it('fails if the restart fails, on macOS too', async () => {
    const taken = ['--import', pathToFileURL(fixture('demo/taken.mjs')).href];
    const { code, stdout } = await run([...taken, demo], { DEMO_PLATFORM: 'darwin' });
    expect(stdout).toMatch(/ ✘ a restart on the same port +refused: EADDRINUSE, this process /);
    expect(code).toBe(1);
  });
});
