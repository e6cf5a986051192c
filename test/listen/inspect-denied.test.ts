// What is refused although nobody has it: by a rule on the process, or by a machine around this one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isLinux } from '../fixtures/facts.ts';
import { inspectFixture, look } from '../fixtures/inspect/processes.ts';
import { ownPort } from '../fixtures/ports.ts';
import { runCommand } from '../fixtures/register/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bindable = { exclusive: false, reuseAddress: false, reusePort: false };

// No advice that does not help here, and none of another system.
const HELPLESS = /setcap|sysctl|netsh|macOS|CAP_NET_BIND/;

describe.runIf(isLinux)('a rule on the process', () => {
  it.for([
    ['landlock', 'EACCES', 'Landlock'],
    ['seccomp-eacces', 'EACCES', 'a seccomp filter, which this process has'],
    ['seccomp-eperm', 'EPERM', 'a seccomp filter, which this process has'],
  ] as const)('of %s denies a high port with %s', async ([rule, code, cause], context) => {
    const before = ['python3', inspectFixture('confined.py'), rule];
    const { code: ended, stderr } = await runCommand('python3', [...before.slice(1), 'true']);
    if (ended === 75) return context.skip(`this kernel has no such rule: ${stderr.trim()}`);
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

describe.runIf(isLinux)('inside Windows', () => {
  it('a throw-away bind decides what the list cannot', async (context) => {
    const library = join(folder, 'inside-windows.so');
    const flags = ['-shared', '-fPIC', '-o', library, inspectFixture('inside-windows.c'), '-ldl'];
    const { code, stderr } = await runCommand('cc', flags);
    if (code === 'ENOENT') return context.skip('this machine has no C compiler');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const port = ownPort();
    const env = { LD_PRELOAD: library, REFUSED_PORT: String(port) };
    const reason = 'a program on the Windows machine around this one probably has the TCP port: Linux lists nobody';
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
