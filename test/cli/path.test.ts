// The paths of Unix sockets on the command line.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BoundSocket } from 'exactbind';
import { expect, it } from 'vitest';
import { runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';
import { ownFolder, PathHolder } from '../fixtures/unix/holder.ts';

const command = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));
const PLAIN = { CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: 'xterm' };
const cli = (...words: string[]) => runCommand(process.execPath, [command, ...words], PLAIN);

describeOn('linux', 'darwin')('exactbind', () => {
  it('inspects a path that somebody has', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    await holder.bind(path);
    const { code, stdout } = await cli('inspect', path);
    expect(code).toBe(1);
    const lines = stdout.split('\n');
    expect(lines.slice(0, 2)).toEqual([`${path}  taken: somebody listens`, 'bindable: exclusive no']);
    expect(lines[2]).toMatch(/^STATE +PID /);
    expect(lines[3]).toMatch(new RegExp(`^LISTEN +${holder.process.pid} `));
  });

  it('inspects what is no socket, and what is nothing', async () => {
    const folder = ownFolder();
    const path = join(folder, 'app.sock');
    const free = `${path}  free\nbindable: exclusive yes\n`;
    expect(await cli('inspect', path)).toEqual({ code: 0, stdout: free, stderr: '' });
    writeFileSync(join(folder, 'file'), '');
    const file = await cli('inspect', join(folder, 'file'));
    expect(file.code).toBe(1);
    expect(file.stdout).toContain('is a regular file, which is never replaced\nchoose another path');
  });

  it('prints the report as JSON', async () => {
    const path = join(ownFolder(), 'app.sock');
    using bound = new BoundSocket({ path });
    const { stdout } = await cli('inspect', '--json', bound.address());
    expect(JSON.parse(stdout)).toMatchObject({ path, verdict: 'listening', holders: [{ pid: process.pid, path }] });
  });

  it('names who has a path, and only that', async () => {
    const path = join(ownFolder(), 'app.sock');
    const holder = new PathHolder();
    await holder.bind(path);
    const { code, stdout, stderr } = await cli('who', path);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^python\\S* \\(pid ${holder.process.pid}, .*\\)\n$`));
  });

  it('takes no option of a port with it', async () => {
    expect(await cli('inspect', './app.sock', '--udp')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'exactbind: a path has no --udp\n',
    });
    expect((await cli('who', './app.sock', '--host', '::1')).code).toBe(2);
  });
});

describeOn('linux')('exactbind', () => {
  it('takes @name for an abstract name', async () => {
    using bound = new BoundSocket({ path: `\0exactbind-${process.pid}` });
    expect(bound.isPipe).toBe(true);
    const { code, stdout } = await cli('inspect', `@exactbind-${process.pid}`);
    expect(code).toBe(1);
    expect(stdout.split('\n')[0]).toBe(`@exactbind-${process.pid}  taken: somebody listens`);
  });
});
