// What is said of a refusal on each system, and never the advice of another one.
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Holder, HolderProcess } from '../../lib/inspect/report.ts';

afterEach(() => {
  vi.doUnmock('../../lib/platform.ts');
  vi.resetModules();
});

async function on(system: 'linux' | 'darwin' | 'windows') {
  vi.doMock('../../lib/platform.ts', () => ({ system }));
  return import('../../lib/inspect/reasons.ts');
}

const place = (host: string) => ({ host, family: 4, address: host, addressFamily: 4 }) as const;

const refused = (verdict: 'privileged' | 'denied' | 'excluded', code: string) => ({
  verdict,
  protocol: 'tcp' as const,
  place: place('127.0.0.1'),
  refusal: { code, syscall: 'bind' },
  listError: 0,
  holders: [],
});

const LINUX = /setcap|sysctl|CAP_NET|Landlock|SELinux|seccomp/;
const MACOS = /macOS/;
const WINDOWS = /netsh|Hyper-V/;

describe('a privileged port', () => {
  it('on Linux has the remedies of Linux', async () => {
    const { reasonOf, remedyOf } = await on('linux');
    expect(reasonOf(refused('privileged', 'EACCES'))).toMatch(/^ports below \d+ need CAP_NET_BIND_SERVICE$/);
    expect(remedyOf(refused('privileged', 'EACCES'))).toMatch(/setcap.*sysctl/);
  });

  it('on macOS has those of macOS, where every address needs no privilege', async () => {
    const { reasonOf, remedyOf } = await on('darwin');
    const said = `${reasonOf(refused('privileged', 'EACCES'))} ${remedyOf(refused('privileged', 'EACCES'))}`;
    expect(said).toContain('need root on a specific address');
    expect(said).toContain('bind every address (::)');
    expect(said).not.toMatch(LINUX);
    const { isPrivileged } = await import('../../lib/inspect/limits.ts');
    expect(isPrivileged('0.0.0.0', 80)).toBe(false);
    expect(isPrivileged('::', 80)).toBe(false);
    expect(isPrivileged('127.0.0.1', 80)).toBe(process.geteuid?.() !== 0);
  });
});

describe('a denied port', () => {
  it('has the rules of Linux on Linux alone', async () => {
    for (const system of ['linux', 'darwin'] as const) {
      const { reasonOf, remedyOf } = await on(system);
      const reason = reasonOf(refused('denied', 'EACCES'));
      expect(reason).toContain('a rule of this system refuses it (EACCES)');
      expect(`${reason}`).not.toMatch(system === 'linux' ? MACOS : LINUX);
      expect(remedyOf(refused('denied', 'EACCES'))).toBeUndefined();
      vi.resetModules();
    }
  });

  it('on macOS is 55555, which macOS keeps', async () => {
    const { reasonOf } = await on('darwin');
    expect(reasonOf(refused('denied', 'EADDRINUSE'))).toBe('macOS keeps this port for its own programs');
    const { mayBeRefused } = await import('../../lib/inspect/limits.ts');
    expect(mayBeRefused('0.0.0.0', { protocol: 'tcp', port: 55555 })).toBe(true);
    expect(mayBeRefused('0.0.0.0', { protocol: 'tcp', port: 55556 })).toBe(false);
  });

  it('on Windows is an excluded range, by inference', async () => {
    const { reasonOf, remedyOf } = await on('windows');
    expect(reasonOf(refused('excluded', 'EACCES'))).toContain('probably in an excluded range');
    expect(remedyOf(refused('excluded', 'EACCES'))).toMatch(WINDOWS);
  });
});

describe('whom a remedy ends', () => {
  const first: HolderProcess = { pid: 100, self: false, parent: { pid: 1 } };
  const worker: HolderProcess = { pid: 101, self: false, parent: { pid: 100 } };
  const holder = (changes: Partial<Holder> = {}): Holder => ({
    ...{ pid: 100, address: '::', port: 3000, protocol: 'tcp', state: 'LISTEN', self: false, sameProgram: true },
    processes: [first, worker],
    ...changes,
  });
  const remedy = async (...holders: Holder[]) =>
    (await on('linux')).remedyOf({
      ...refused('denied', 'EADDRINUSE'),
      verdict: 'listening',
      holders,
    });

  it('is another instance of this program, at its head', async () => {
    expect(await remedy(holder())).toBe(
      'end the other instance (node dist/cli.cjs kill 127.0.0.1:3000), or choose another port',
    );
    expect(await remedy(holder({ container: 'session-3.scope' }))).toContain('kill 127.0.0.1:3000');
  });

  it.each<[who: string, changes: Partial<Holder>]>([
    ['another program or user', { sameProgram: false }],
    ['who is not known', { sameProgram: null }],
    ['this process', { self: true }],
    ['a service', { container: 'web.service' }],
    ['a container', { container: 'docker 3f2a91c0b7de' }],
    ['a child of this process', { processes: [{ ...first, parent: { pid: process.pid } }] }],
    ['the parent of this process', { processes: [{ ...first, pid: process.ppid }] }],
    ['several that have nothing to do with each other', { processes: [first, { ...worker, parent: { pid: 1 } }] }],
  ])('is never %s', async (_, changes) => expect(await remedy(holder(changes))).toBeUndefined());
});
