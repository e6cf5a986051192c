// exactbind wait and next: until somebody listens, until it is free, and a port that is free now.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BoundSocket } from 'exactbind';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli, command, held, LOCAL, said } from '../fixtures/cli.ts';
import { AS_NOBODY, needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

function bound(port: number): BoundSocket {
  const made = new BoundSocket({ port, host: LOCAL });
  onTestFinished(() => made[Symbol.dispose]());
  return made;
}

/** A command that has begun to wait. */
function waiting(...words: (string | number)[]) {
  const child = spawn(process.execPath, [command, 'wait', ...words.map(String)], { stdio: 'inherit' });
  onTestFinished(() => void child.kill());
  return { child, ended: once(child, 'exit').then(([code]) => code) };
}

describe('exactbind wait', () => {
  it('ends once somebody listens on each', async () => {
    const ports = [ownPort(), ownPort()];
    const { child, ended } = waiting(...ports);
    for (const port of ports) {
      expect(child.exitCode).toBeNull();
      bound(port);
    }
    expect(await ended).toBe(0);
  });

  it('ends with --free once nobody has it', async () => {
    const port = ownPort();
    const holder = bound(port);
    const { child, ended } = waiting(port, '--free', '--host', LOCAL);
    await once(child, 'spawn');
    expect(child.exitCode).toBeNull();
    holder.close();
    expect(await ended).toBe(0);
  });

  it('says what there is instead when the time is up', async () => {
    const [free, taken] = [ownPort(), held()];
    expect(await cli(['wait', free, '--timeout', '20ms'])).toEqual(
      said(1, '', expect.stringMatching(/^exactbind: \[::\]:\d+ has no listener; waited 20 ms\n$/)),
    );
    const { code, stderr } = await cli(['wait', taken, '--free', '--timeout', '0.02s']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`(pid ${process.pid}`) });
    expect(await cli(['wait', free, '--timeout', 'long'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('exactbind next', () => {
  it('prints the first that can be bound, and that nobody holds it', async () => {
    const taken = held();
    const free = ownPort();
    const { code, stdout, stderr } = await cli(['next', `${taken}-${free}`, '--host', LOCAL]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${free}\n` });
    expect(stderr).toContain('is not held');
    expect(stderr).toContain(`exactbind run --port ${taken}-${free}`);
    // Nobody holds it.
    bound(free);
  });

  it('says that none is free', async () => {
    const taken = held();
    const { code, stdout, stderr } = await cli(['next', taken, '--host', 'localhost']);
    // localhost may be ::1, which nobody has.
    if (code === 0) expect(stdout).toBe(`${taken}\n`);
    expect(await cli(['next', taken])).toEqual(said(1, '', expect.stringContaining(`(pid ${process.pid}`)));
    expect(await cli(['next', '3000-'])).toMatchObject({ code: 2 });
    expect(stderr).not.toBe('');
  });

  it('takes several ranges, and those of UDP', async () => {
    const [tcp, udp] = [held(), held('udp')];
    const free = ownPort();
    expect(await cli(['next', `${udp},${free}`, '--udp'])).toMatchObject({ code: 0, stdout: `${free}\n` });
    expect(await cli(['next', `${tcp},${udp}`])).toMatchObject({ code: 0, stdout: `${udp}\n` });
  });
});

describeOn('linux')('exactbind next', () => {
  it('passes over what this user may not bind', async () => {
    needs('another user', 'util-linux', 'a privileged port');
    const free = ownPort();
    expect(await cli(['next', `80,${free}`], AS_NOBODY)).toMatchObject({ code: 0, stdout: `${free}\n` });
    expect(await cli(['next', '80'], AS_NOBODY)).toMatchObject({ code: 1, stdout: '' });
  });
});
