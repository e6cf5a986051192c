// How a row of the list becomes a holder, and a report a sentence.
import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ProcessRow, SocketList, SocketRow } from '../../lib/addon.ts';
import { containerOf, forwardedTo } from '../../lib/inspect/containers.ts';
import { holderOf } from '../../lib/inspect/holders.ts';
import type { Holder, PortReport } from '../../lib/inspect/report.ts';
import { sentenceOf } from '../../lib/inspect/sentence.ts';
import { itOn } from '../fixtures/systems.ts';

const ID = '3f2a91c0b7de'.padEnd(64, '0');

describe('a container', () => {
  it.each([
    [undefined, undefined],
    ['/', undefined],
    [`/system.slice/docker-${ID}.scope`, 'docker 3f2a91c0b7de'],
    [`/docker/${ID}`, 'docker 3f2a91c0b7de'],
    [`/machine.slice/libpod-${ID}.scope/container`, 'podman 3f2a91c0b7de'],
    [`/kubepods.slice/kubepods-pod1.slice/cri-containerd-${ID}.scope`, 'containerd 3f2a91c0b7de'],
    [`/kubepods.slice/kubepods-pod1.slice/crio-${ID}.scope`, 'cri-o 3f2a91c0b7de'],
    [`/kubepods/besteffort/pod1/${ID}`, 'container 3f2a91c0b7de'],
    ['/lxc.payload.web/system.slice/nginx.service', 'lxc web'],
    ['/system.slice/nginx.service', 'nginx.service'],
    ['/user.slice/user-1000.slice/session-3.scope', 'session-3.scope'],
    ['/user.slice/user-1000.slice/user@1000.service/app.slice/code.scope', 'code.scope'],
    ['/build/42', '/build/42'],
    [`/system.slice/nerdctl-${ID}.scope`, 'nerdctl 3f2a91c0b7de'],
    [`/default/${ID}`, 'container 3f2a91c0b7de'],
    [`/ecs/0123456789abcdef0123456789abcdef/${ID}`, 'ecs 3f2a91c0b7de'],
    ['/ecs/3f2a91c0b7de456789abcdef01234567/3f2a91c0b7de456789abcdef01234567-1234567890', 'ecs 3f2a91c0b7de'],
    [`/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-${ID}.scope`, 'ecs 3f2a91c0b7de'],
    [`/actions_job/${ID}`, 'github-actions 3f2a91c0b7de'],
  ])('of %s is %s', (path, name) => expect(containerOf(path)).toBe(name));
});

describe('docker-proxy', () => {
  const args = '-proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port 8080'.split(' ');

  it('is named by the container that it forwards to', () => {
    expect(forwardedTo('/usr/bin/docker-proxy', ['/usr/bin/docker-proxy', ...args])).toBe('docker 172.17.0.2:8080');
    expect(forwardedTo('/usr/bin/docker-proxy', undefined)).toBe('docker');
    expect(forwardedTo('/usr/bin/docker', args)).toBeUndefined();
  });
});

const SCRIPT = process.argv[1] as string;

// The user of this process, by whatever name.
const OWN = process.geteuid?.() as number;

const server: ProcessRow = {
  pid: 4711,
  uid: OWN,
  user: 'ada',
  executable: process.execPath,
  directory: dirname(SCRIPT),
  arguments: ['node', SCRIPT],
  startedAt: 1000,
};

const listening: SocketRow = {
  address: '::',
  family: 6,
  state: 10,
  ipv6Only: false,
  isOpen: true,
  count: 1,
  uid: OWN,
  user: 'ada',
  pids: [4711],
};
const LIST: SocketList = {
  error: 0,
  ownersError: 0,
  areOwnersWhole: true,
  isWhole: true,
  sockets: [],
  processes: [],
};

/** A holder as it is told of a process, of a row that it has open. */
const holder = (process: Partial<ProcessRow> = {}, row: Partial<SocketRow> = {}): Holder => {
  const one = { ...server, ...process };
  return holderOf({ ...listening, pids: [one.pid], ...row }, { ...LIST, processes: [one] }, 3000, 'tcp');
};

/** A row as it is where the process cannot be seen. */
const unseen = ({ isOpen = true } = {}): SocketRow => ({ ...listening, pids: [], isOpen });

describe('sameProgram', () => {
  it.each<[what: string, process: Partial<ProcessRow>, answer: boolean | null]>([
    ['the same script', {}, true],
    ['the same script after options', { arguments: ['node', '--enable-source-maps', '--import', 'x', SCRIPT] }, true],
    ['the same script with other arguments', { arguments: ['node', SCRIPT, '--port', '3001'] }, true],
    ['the same script of another user', { uid: OWN + 1 }, false],
    ['another script', { arguments: ['node', '/srv/other.js'] }, false],
    ['our script as an argument of another', { arguments: ['node', '/srv/other.js', SCRIPT] }, false],
    ['code on the command line', { arguments: ['node', '-e', 'code'] }, false],
    ['a title of one word', { arguments: ['next-server'] }, null],
    ['a title of several', { arguments: ['next-server (v15.1.0)'] }, null],
    ['a title that pm2 gives', { arguments: [`node ${SCRIPT}`] }, null],
    ['another executable', { executable: '/usr/bin/python3' }, false],
    ['the same executable, replaced meanwhile', { executable: `${process.execPath} (deleted)` }, true],
  ])('of %s is %s', (_what, process, answer) => expect(holder(process).sameProgram).toBe(answer));

  it('is of a relative path by the directory of its process', () => {
    const relative = () => ['node', basename(SCRIPT)];
    expect(holder({ arguments: relative() }).sameProgram).toBe(true);
    expect(holder({ arguments: relative(), directory: dirname(dirname(SCRIPT)) }).sameProgram).toBe(false);
  });

  it('is null of what cannot be seen', () => {
    expect(holderOf(unseen(), LIST, 3000, 'tcp').sameProgram).toBeNull();
    for (const name of ['directory', 'arguments', 'executable', 'uid'] as const) {
      const { [name]: _, ...process } = server;
      const list = { ...LIST, processes: [process] };
      expect(holderOf(listening, list, 3000, 'tcp').sameProgram, name).toBeNull();
    }
  });

  it('is true of this process', () => {
    expect(holder({ pid: process.pid, executable: '/else' })).toMatchObject({ self: true, sameProgram: true });
  });
});

describe('a socket of several processes', () => {
  const master = { ...server, pid: 100, arguments: ['/srv/server'], executable: '/srv/server' };
  const worker = { ...master, parent: 100, startedAt: 2000 };
  const shared = (processes: readonly ProcessRow[], list: Partial<SocketList> = {}) =>
    holderOf(
      { ...listening, pids: processes.map(({ pid }) => pid) },
      { ...LIST, processes: [...processes], ...list },
      3000,
      'tcp',
    );
  const said = (processes: readonly ProcessRow[]) => sentenceOf(report({ holders: [shared(processes)] }));

  it('names all of them, by their start, whatever order the system has', () => {
    const { pid, processes, hiddenProcesses } = shared([{ ...worker, pid: 7 }, master, { ...worker, pid: 6 }]);
    expect(pid).toBe(100);
    expect(processes?.map((one) => one.pid)).toEqual([100, 6, 7]);
    expect(processes?.[1]).toMatchObject({
      parent: { pid: 100, command: '/srv/server' },
      startedAt: 2000,
      self: false,
    });
    expect(hiddenProcesses).toBe(false);
    expect(shared([master], { areOwnersWhole: false }).hiddenProcesses).toBe(true);
  });

  it('is one line', () => {
    expect(said([master])).toBe('server (pid 100, user ada) listening on *:3000');
    expect(said([master, { ...worker, pid: 101 }])).toBe(
      'server (pid 100, user ada) and its child listening on *:3000',
    );
    const four = [101, 102, 103, 104].map((pid) => ({ ...worker, pid }));
    expect(said([master, ...four])).toBe('server (pid 100, user ada) and 4 of its children listening on *:3000');
    expect(said([master, ...four, { ...worker, pid: 9, parent: 1 }])).toBe(
      'server (pid 100, user ada) and 5 other processes listening on *:3000',
    );
    expect(said([master, { ...worker, pid: process.pid }])).toBe(
      'server (pid 100, user ada) and its child, this process among them listening on *:3000',
    );
  });

  it("names the process's user, and keeps the socket's", () => {
    const become = shared([{ ...master, uid: 65534, user: 'nobody' }]);
    expect(become).toMatchObject({ uid: OWN, user: 'ada', processes: [{ uid: 65534, user: 'nobody' }] });
    expect(sentenceOf(report({ holders: [become] }))).toBe('server (pid 100, user nobody) listening on *:3000');
  });
});

const report = (changes: Partial<PortReport>): PortReport => ({
  port: 3000,
  host: '::',
  protocol: 'tcp',
  verdict: 'listening',
  bindable: { exclusive: false, reuseAddress: false, reusePort: false },
  holders: [],
  ...changes,
});

describe('a sentence', () => {
  const other = { arguments: ['/srv/server', '--fast'], executable: '/srv/server' };
  const of = (row: Partial<SocketRow>, changes: Partial<PortReport> = {}, process: Partial<ProcessRow> = {}) =>
    sentenceOf(report({ holders: [holder({ ...other, ...process }, row)], ...changes }));

  it('names a listener by command, pid and user', () => {
    expect(of({})).toBe('server (pid 4711, user ada) listening on *:3000');
    expect(of({ address: '127.0.0.1', family: 4 })).toBe('server (pid 4711, user ada) listening on 127.0.0.1:3000');
    expect(of({ address: '::1' })).toBe('server (pid 4711, user ada) listening on [::1]:3000');
  });

  it('says what is known of who cannot be named', () => {
    const { user: _, ...nameless } = { ...server, ...other, uid: 1000 };
    const said = (row: Partial<SocketRow>) =>
      sentenceOf(
        report({ holders: [holderOf({ ...listening, ...row }, { ...LIST, processes: [nameless] }, 3000, 'tcp')] }),
      );
    expect(said({})).toBe('server (pid 4711, uid 1000) listening on *:3000');
    expect(said({ cgroup: '/system.slice/web.service' })).toBe(
      'server (pid 4711, uid 1000, web.service) listening on *:3000',
    );
  });

  itOn('linux')('says why there is no pid', () => {
    const said = (code: 'ETIMEDOUT' | 'EMFILE') => {
      const list = { ...LIST, ownersError: constants.errno[code] };
      return sentenceOf(report({ holders: [holderOf({ ...unseen(), uid: 1000 }, list, 3000, 'tcp')] }));
    };
    expect(said('ETIMEDOUT')).toBe('uid 1000; pid not looked up (ada) listening on *:3000');
    expect(said('EMFILE')).toBe('uid 1000; pid not found: EMFILE (ada) listening on *:3000');
  });

  itOn('linux')('says that a list broke off, and not that nobody can be seen', () => {
    const list = { ...LIST, error: constants.errno.EIO };
    const said = sentenceOf(report({ holders: [holderOf({ ...unseen(), uid: 1000 }, list, 3000, 'tcp')] }));
    expect(said).toBe('uid 1000; pid not found: the list broke off (EIO) (ada) listening on *:3000');
  });

  it('knows this process, and another one of its program', () => {
    expect(of({}, {}, { pid: process.pid })).toBe(`this process (pid ${process.pid}) listening on *:3000`);
    expect(sentenceOf(report({ holders: [holder()] }))).toBe(
      `${basename(process.execPath)} (pid 4711, user ada, another instance of this program) listening on *:3000`,
    );
  });

  it('tells what is bound and does not listen', () => {
    expect(of({ state: 7 }, { verdict: 'bound' })).toBe('server (pid 4711, user ada) bound to *:3000, not listening');
  });

  it('names three of many, each once', () => {
    const holders = [1, 2, 3, 4, 5, 5].map((pid) => holder({ ...other, pid }));
    expect(sentenceOf(report({ holders }))).toBe(
      `${[1, 2, 3].map((pid) => `server (pid ${pid}, user ada) listening on *:3000`).join('; ')}; and 2 more`,
    );
  });

  const remote = { address: '127.0.0.1', remoteAddress: '127.0.0.1', remotePort: 40_000, family: 4 } as const;
  const leftover = { ...unseen({ isOpen: false }), ...remote, uid: 0, user: 'root', state: 6, timeLeft: 59_940 };

  it('counts leftovers, and says when they end', () => {
    const left = holderOf(leftover, LIST, 3000, 'tcp');
    expect(left).not.toHaveProperty('uid');
    expect(left).not.toHaveProperty('user');
    const dead = { verdict: 'leftovers', holders: [left, left], freeInMs: 59_940 } as const;
    expect(sentenceOf(report(dead))).toBe(
      'no process: 2 connections of an earlier listener on 127.0.0.1:3000 (TIME_WAIT), free in 59.9 s',
    );
    const alive = holder(other, { ...remote, state: 1 });
    expect(sentenceOf(report({ verdict: 'leftovers', holders: [left, alive] }))).toBe(
      'server (pid 4711, user ada): 2 connections of an earlier listener on 127.0.0.1:3000 (TIME_WAIT, ESTABLISHED)',
    );
  });

  it('tells an outgoing connection, and not what it has left before', () => {
    const holders = [holderOf(leftover, LIST, 3000, 'tcp'), holder(other, { ...remote, state: 1 })];
    expect(sentenceOf(report({ verdict: 'outgoing', holders }))).toBe(
      'server (pid 4711, user ada): an outgoing connection from 127.0.0.1:3000 to 127.0.0.1:40000',
    );
  });

  it('gives the reason where there is no holder', () => {
    expect(sentenceOf(report({ verdict: 'unknown', reason: 'why' }))).toBe('why');
    expect(sentenceOf(report({ verdict: 'free' }))).toBe('nobody any more: the address is free now');
  });
});
