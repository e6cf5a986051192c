// What inspectPort() tells of a holder: who it is, until when, and what this user may see of it.
import { userInfo } from 'node:os';
import { type BindOptions, inspectPort, inspectPortSync } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { bindableTo } from '../fixtures/inspect/bindable.ts';
import { AS_NOBODY, holdAsLooker, look, NOBODY } from '../fixtures/inspect/processes.ts';
import { actor, done, endScenes, GROUP, holding, LOCAL, pidOf, REUSE, timeWait } from '../fixtures/inspect/scenes.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';

afterEach(endScenes);

/** The name of this user; in a container there may be none. */
function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

describe('a holder', () => {
  it('in TIME_WAIT belongs to nobody, and tells when it ends', async () => {
    const port = ownPort();
    await timeWait([...REUSE])(port);
    const { holders, freeInMs } = await inspectPort(port);
    expect(holders).toEqual([
      {
        address: LOCAL,
        port,
        remoteAddress: LOCAL,
        remotePort: expect.any(Number),
        protocol: 'tcp',
        state: 'TIME_WAIT',
        self: false,
        sameProgram: null,
        timeLeftMs: freeInMs,
      },
    ]);
    expect(freeInMs).toBeGreaterThan(0);
    expect(freeInMs).toBeLessThanOrEqual(60_000);
    await expect.poll(() => inspectPortSync(port).freeInMs).toBeLessThan(freeInMs as number);
  });

  it('is named by pid, command and user', async () => {
    const port = ownPort();
    const made = actor();
    await done(made.open({ host: LOCAL, port, listen: true }));
    const { holders } = await inspectPort(port);
    expect(holders).toEqual([
      expect.objectContaining({
        pid: pidOf(made),
        command: expect.stringMatching(/python3? .*actor\.py$/),
        self: false,
        sameProgram: false,
      }),
    ]);
    expect(holders[0]?.user).toBe(ownName());
    expect(holders[0]).not.toHaveProperty('hidden');
  });

  it('is reported beside another one, if both are in the way', async () => {
    const port = ownPort();
    const [one, two] = [actor(), actor()];
    await done(one.open({ host: LOCAL, port, listen: true }));
    await done(two.open({ host: '127.0.0.2', port }));
    const holders = [
      expect.objectContaining({ pid: pidOf(one), address: LOCAL, state: 'LISTEN' }),
      expect.objectContaining({ pid: pidOf(two), address: '127.0.0.2', state: 'BOUND' }),
    ];
    const report = await inspectPort(port);
    expect(report.verdict).toBe('listening');
    expect(report.holders).toHaveLength(2);
    expect(report.holders).toEqual(expect.arrayContaining(holders));
    expect(inspectPortSync({ port, host: '127.0.0.2' })).toMatchObject({ verdict: 'bound', holders: [holders[1]] });
  });

  it('that runs the same program is known as that, and this process as itself', async () => {
    const port = ownPort();
    const pid = await holding(holdAsLooker({ port }));
    const { later, atOnce } = await look({ port });
    for (const { holders } of [later, atOnce]) expect(holders).toMatchObject([{ pid, self: false, sameProgram: true }]);
    expect(inspectPortSync(port).holders).toMatchObject([{ pid, self: false, sameProgram: false }]);
  });

  it('of another user is reported without its pid to a user who cannot see it', async () => {
    needs('another user', 'util-linux');
    const port = ownPort();
    await done(actor().open({ host: '0.0.0.0', port, options: [...REUSE, ...GROUP], listen: true }));
    const nobody = actor();
    await nobody.become(NOBODY);
    const { later, atOnce, refusal } = await look({ port, host: LOCAL }, AS_NOBODY);
    const hidden = { uid: 0, user: 'root', hidden: 'pid hidden from this user', self: false, sameProgram: null };
    const bindable = await bindableTo(nobody, 'tcp', LOCAL, port);
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'listening', bindable, holders: [hidden] });
      expect(report.holders[0]).not.toHaveProperty('pid');
      expect(report.holders[0]).not.toHaveProperty('command');
    }
    expect(refusal?.heldBy).toMatch(
      /^uid 0; pid (hidden from this user|not looked up) \(root.*\) listening on \*:\d+$/,
    );
  });

  it('of the same user, not root, can share a port', async () => {
    needs('another user', 'util-linux');
    const port = ownPort();
    const options: BindOptions = { port, host: LOCAL, sharing: 'reuse-port', acceptPartial: true };
    const pids = [await holding(holdAsLooker(options, AS_NOBODY)), await holding(holdAsLooker(options, AS_NOBODY))];
    const { later, atOnce } = await look({ port, host: LOCAL }, AS_NOBODY);
    const bindable = { exclusive: false, reuseAddress: false, reusePort: true };
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'listening', bindable });
      expect(report.holders.map(({ pid }) => pid).sort()).toEqual(pids.sort());
      for (const holder of report.holders) expect(holder).toMatchObject({ uid: NOBODY, sameProgram: true });
    }
  });
});
