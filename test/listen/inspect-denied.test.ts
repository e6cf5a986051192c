// What is refused although nobody has it: by a rule on the process, or by a machine around this one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { inspectFixture, look } from '../fixtures/inspect/processes.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bindable = { exclusive: false, reuseAddress: false, reusePort: false };

// No advice that does not help here, and none of another system.
const HELPLESS = /setcap|sysctl|netsh|macOS|CAP_NET_BIND/;

describeOn('linux')('a rule on the process', () => {
  needs('python3');

  it.for([
    ['landlock', 'EACCES', 'Landlock'],
    ['seccomp-eacces', 'EACCES', 'a seccomp filter, which this process has'],
    ['seccomp-eperm', 'EPERM', 'a seccomp filter, which this process has'],
  ] as const)('of %s denies a high port with %s', async ([rule, code, cause]) => {
    if (rule === 'landlock') needs('Landlock');
    const before = ['python3', inspectFixture('confined.py'), rule];
    const port = ownPort();
    const { later, atOnce, refusal } = await look({ port, host: '127.0.0.1' }, before);
    for (const report of [later, atOnce]) {
      const reason = expect.stringContaining(`a rule of this system refuses it (${code}); it may be `);
      expect(report).toMatchObject({ verdict: 'denied', bindable, reason, holders: [] });
      expect(report.reason).toContain(cause);
      expect(report).not.toHaveProperty('remedy');
    }
    expect(refusal).toMatchObject({ code, heldBy: later.reason });
    expect(refusal?.message).not.toMatch(HELPLESS);
  });
});

describeOn('linux')('inside Windows', () => {
  needs('gcc');

  it('a throw-away bind decides what the list cannot', async () => {
    const library = join(folder, 'inside-windows.so');
    const flags = ['-shared', '-fPIC', '-o', library, inspectFixture('inside-windows.c'), '-ldl'];
    const { code, stderr } = await runCommand('cc', flags);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const port = ownPort();
    const env = { LD_PRELOAD: library, REFUSED_PORT: String(port) };
    const reason = 'a program on the Windows host probably has the TCP port: Linux lists no holder';
    const remedy = 'end the program on Windows that has the port, or choose another port';
    const { later, atOnce, refusal } = await look({ port }, [], { env });
    for (const report of [later, atOnce]) {
      expect(report).toMatchObject({ verdict: 'denied', bindable, reason, remedy, holders: [] });
    }
    expect(refusal).toMatchObject({ code: 'EADDRINUSE', heldBy: reason, remedy });
    const other = await look({ port: ownPort() }, [], { env });
    expect(other.later).toMatchObject({ verdict: 'free', bindable: { exclusive: true } });
  });
});
