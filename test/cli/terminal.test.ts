// The command in a terminal: colours, and lines that fit.
import { expect, it } from 'vitest';
import { actor, cli, held, LOCAL } from '../fixtures/cli.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';
import { inTerminal } from '../fixtures/terminal.ts';

const ESC = '\u001b';

describeOn('linux')('in a terminal', () => {
  needs('python3', 'coreutils');
  it('there are colours, and nowhere else', async () => {
    const port = held();
    const { code, stdout } = await cli(['inspect', port], inTerminal(200));
    expect(code).toBe(1);
    expect(stdout).toContain(`${ESC}[31mtaken: somebody listens${ESC}[39m`);
    expect((await cli(['inspect', port])).stdout).not.toContain(ESC);
    expect((await cli(['inspect', ownPort()], inTerminal(200))).stdout).toContain(`${ESC}[32mfree${ESC}[39m`);
    expect((await cli(['inspect', port, '--json'], inTerminal(200))).stdout).not.toContain(ESC);
  });

  it.each([
    { env: { NO_COLOR: '1' }, coloured: false },
    { env: { NO_COLOR: '' }, coloured: true },
    { env: { TERM: 'dumb' }, coloured: false },
  ])('$env is honoured', async ({ env, coloured }) => {
    const { code, stdout } = await cli(['inspect', held()], inTerminal(200), env);
    expect(code).toBe(1);
    expect(stdout.includes(ESC)).toBe(coloured);
  });

  it('no line of the table is wider than that', async () => {
    const port = ownPort();
    await actor().open({ host: LOCAL, port, listen: true });
    const { stdout } = await cli(['inspect', port], inTerminal(45), { NO_COLOR: '1' });
    const row = stdout.split('\r\n').find((line) => line.startsWith('LISTEN')) ?? '';
    expect(row).toHaveLength(45);
    expect(row.endsWith('…')).toBe(true);
  });
});
