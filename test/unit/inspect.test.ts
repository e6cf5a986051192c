// The pure half of inspectPort(): each system's rule of sharing an address, on every system; and the words of a report.
import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ProcessRow, SocketList, SocketRow } from '../../lib/addon.ts';
import { canonical, overlap } from '../../lib/address.ts';
import { containerOf, forwardedTo } from '../../lib/inspect/containers.ts';
import { holderOf } from '../../lib/inspect/holders.ts';
import type { Holder, PortReport } from '../../lib/inspect/report.ts';
import { sentenceOf } from '../../lib/inspect/sentence.ts';
import { existingOf } from '../../lib/socket-list.ts';
import { darwin } from '../../lib/systems/darwin.ts';
import { linux } from '../../lib/systems/linux.ts';
import type { Answer, Existing, Newcomer, Rule } from '../../lib/systems/system.ts';
import { windows } from '../../lib/systems/windows.ts';
import { itOn } from '../fixtures/systems.ts';

const USER = 1000;
const OTHER = 1001;

const bound: Existing = {
  address: '127.0.0.1',
  family: 4,
  ipv6Only: false,
  state: 'bound',
  reuseAddress: false,
  reusePort: false,
  exclusive: false,
  uid: USER,
};

const plain: Newcomer = {
  protocol: 'tcp',
  address: '127.0.0.1',
  family: 4,
  ipv6Only: false,
  reuseAddress: false,
  reusePort: false,
  exclusive: false,
  uid: USER,
};

const ADDR = { reuseAddress: true };
const PORT = { reusePort: true };
const BOTH = { ...ADDR, ...PORT };
const OPTIONS = { none: {}, ADDR, PORT, BOTH };
type Options = keyof typeof OPTIONS;
const NAMES = Object.keys(OPTIONS) as Options[];

const ANY4 = { address: '0.0.0.0' };
const ANY6 = { address: '::', family: 6 } as const;
const ONLY6 = { ...ANY6, ipv6Only: true };
const MAPPED4 = { address: '::ffff:0.0.0.0' };
const LOOPBACK6 = { address: '::1', family: 6 } as const;

const NO = 'EADDRINUSE';

describe('linux', () => {
  const answers = (existing: Partial<Existing>, newcomer: Partial<Newcomer> = {}) => {
    const bind = linux.rule.bind([{ ...bound, ...existing }], { ...plain, ...newcomer });
    // The kernel asks the same at listen().
    expect(linux.rule.listen([{ ...bound, ...existing }], { ...plain, ...newcomer })).toBe(bind);
    return bind;
  };
  const row = (existing: Partial<Existing>) => NAMES.map((name) => answers(existing, OPTIONS[name]));

  it.each(['bound', 'connected', 'time-wait'] as const)('shares with what is %s if both have one option', (state) => {
    expect(row({ state })).toEqual([NO, NO, NO, NO]);
    expect(row({ state, ...ADDR })).toEqual([NO, 'ok', NO, 'ok']);
    expect(row({ state, ...PORT })).toEqual([NO, NO, 'ok', 'ok']);
    expect(row({ state, ...BOTH })).toEqual([NO, 'ok', 'ok', 'ok']);
  });

  it('shares with a listener by SO_REUSEPORT alone', () => {
    const state = 'listening';
    expect(row({ state })).toEqual([NO, NO, NO, NO]);
    expect(row({ state, ...ADDR })).toEqual([NO, NO, NO, NO]);
    expect(row({ state, ...PORT })).toEqual([NO, NO, 'ok', 'ok']);
    expect(row({ state, ...BOTH })).toEqual([NO, NO, 'ok', 'ok']);
  });

  it('keeps a group to the user who began it, root or not, but in TIME_WAIT', () => {
    for (const uid of [OTHER, 0]) {
      expect(row({ state: 'listening', ...BOTH, uid })).toEqual([NO, NO, NO, NO]);
      expect(row({ state: 'bound', ...PORT, uid })).toEqual([NO, NO, NO, NO]);
      expect(row({ state: 'time-wait', ...PORT, uid })).toEqual([NO, NO, 'ok', 'ok']);
    }
  });

  it('does not decide what the list does not tell', () => {
    const unknown = { reuseAddress: undefined, reusePort: undefined };
    expect(row({ ...unknown })).toEqual([NO, undefined, undefined, undefined]);
    expect(row({ ...unknown, state: 'listening' })).toEqual([NO, NO, undefined, undefined]);
    // The quick check may let it in.
    expect(row({ ...unknown, state: 'listening', uid: OTHER })).toEqual([NO, NO, undefined, undefined]);
    expect(row({ ...PORT, uid: undefined })).toEqual([NO, NO, undefined, undefined]);
  });

  it('lets in beside anybody by the quick check, after a socket of the same user that had SO_REUSEPORT', () => {
    const stranger = { ...bound, ...ANY4, state: 'listening', uid: OTHER } as const;
    const seed: Existing = { ...bound, ...ONLY6, ...PORT };
    const bind = (existing: readonly Existing[], newcomer: Partial<Newcomer> = {}) =>
      linux.rule.bind(existing, { ...plain, ...ANY6, ...PORT, ...newcomer });
    expect(bind([stranger, seed])).toBe('ok');
    expect(linux.rule.listen([stranger, seed], { ...plain, ...ANY6, ...PORT })).toBe('ok');
    // Whoever was bound last counts, by what it had set then, on its address or on every one of a wildcard.
    expect(bind([seed, stranger])).toBe(NO);
    expect(bind([stranger, { ...seed, reusePortAtBind: false }])).toBe(NO);
    expect(bind([stranger, { ...seed, reusePort: false, reusePortAtBind: true }])).toBe('ok');
    expect(bind([stranger, { ...seed, uid: OTHER }])).toBe(NO);
    expect(bind([stranger, { ...seed, ...LOOPBACK6 }])).toBe(NO);
    expect(bind([stranger, seed], { reusePort: false, ...ADDR })).toBe(NO);
    expect(bind([stranger, seed], { protocol: 'udp' })).toBe(NO);
    // A list tells neither who was last nor what has gone.
    expect(bind([stranger, { ...seed, reusePort: undefined }])).toBeUndefined();
    expect(bind([{ ...stranger, reusePort: undefined }])).toBeUndefined();
    expect(bind([{ ...stranger, reusePort: undefined }], { protocol: 'udp' })).toBe(NO);
  });

  it('takes the strictest of several', () => {
    const unknown = { ...bound, reuseAddress: undefined };
    const far = { ...bound, address: '127.0.0.2' };
    const newcomer = { ...plain, ...ADDR };
    expect(linux.rule.bind([], newcomer)).toBe('ok');
    expect(linux.rule.bind([far, unknown], newcomer)).toBeUndefined();
    expect(linux.rule.bind([unknown, far, bound], newcomer)).toBe(NO);
  });

  it('has a connection of a dual-stack :: in the way of 0.0.0.0, over IPv6 too', () => {
    const over6 = { ...LOOPBACK6, state: 'connected', ipv6Only: false } as const;
    expect(answers(over6, ANY4)).toBe(NO);
    expect(answers({ ...over6, ...ADDR }, { ...ANY4, ...ADDR })).toBe('ok');
    expect(answers(over6)).toBe('ok');
    expect(answers({ ...over6, ipv6Only: true }, ANY4)).toBe('ok');
    expect(linux.rule.overlaps({ ...bound, ...over6 }, { ...plain, ...ANY4 })).toBe(true);
    expect(answers(over6, MAPPED4)).toBe('ok');
    expect(answers({ ...over6, ipv6Only: undefined }, MAPPED4)).toBe('ok');
    // Of a connection the list does not tell.
    expect(answers({ ...over6, ipv6Only: undefined }, ANY4)).toBeUndefined();
    expect(answers({ ...over6, ipv6Only: undefined })).toBe('ok');
  });

  it('lets apart what does not overlap', () => {
    expect(answers({}, { address: '127.0.0.2' })).toBe('ok');
    expect(answers({ ...ONLY6 })).toBe('ok');
    expect(answers({ ...ANY6 })).toBe(NO);
    expect(answers({ ...LOOPBACK6 })).toBe('ok');
  });
});

describe('darwin', () => {
  const answers = (existing: Partial<Existing>, newcomer: Partial<Newcomer> = {}) =>
    darwin.rule.bind([{ ...bound, ...existing }], { ...plain, ...newcomer });

  it('refuses a newcomer without options beside everything that overlaps', () => {
    for (const state of ['bound', 'listening', 'connected', 'time-wait'] as const) {
      expect(answers({ state, ...BOTH })).toBe(NO);
      expect(answers({ state, ...BOTH }, ANY4)).toBe(NO);
      expect(answers({ state, ...BOTH }, { address: '127.0.0.2' })).toBe('ok');
    }
  });

  it('refuses one with an option beside an unconnected socket of the same address alone', () => {
    for (const options of [ADDR, PORT]) {
      expect(answers({ state: 'listening' }, options)).toBe(NO);
      expect(answers({ state: 'bound' }, options)).toBe(NO);
      expect(answers({ state: 'connected' }, options)).toBe('ok');
      expect(answers({ state: 'time-wait' }, options)).toBe('ok');
      expect(answers({ state: 'listening' }, { ...options, ...ANY4 })).toBe('ok');
      expect(answers({ state: 'listening', ...ANY4 }, options)).toBe('ok');
    }
  });

  it('shares one address by SO_REUSEPORT on both sides, and by nothing else', () => {
    expect(answers({ state: 'listening', ...PORT }, PORT)).toBe('ok');
    expect(answers({ state: 'listening', ...ADDR }, ADDR)).toBe(NO);
    expect(answers({ state: 'listening', reusePort: undefined }, PORT)).toBeUndefined();
  });

  it('keeps the address of a user from every other but root', () => {
    for (const state of ['bound', 'listening', 'connected', 'time-wait'] as const) {
      expect(answers({ state, uid: OTHER, ...BOTH }, BOTH)).toBe(NO);
      expect(answers({ state, uid: OTHER, ...BOTH }, { ...BOTH, uid: 0 })).toBe('ok');
    }
  });

  it('lets a dual-stack socket over 0.0.0.0, and over no other address of IPv4', () => {
    expect(answers({ state: 'listening', ...ANY4 }, ANY6)).toBe('ok');
    expect(answers({ state: 'listening', ...ANY4, uid: OTHER }, ANY6)).toBe('ok');
    for (const state of ['listening', 'connected', 'time-wait'] as const) {
      expect(answers({ state }, ANY6)).toBe(NO);
      expect(answers({ state }, ONLY6)).toBe('ok');
      expect(answers({ state }, { ...ANY6, ...ADDR })).toBe('ok');
      expect(answers({ state, uid: OTHER }, { ...ANY6, ...ADDR })).toBe(NO);
      expect(answers({ state, ...PORT, uid: OTHER }, { ...ANY6, ...ADDR })).toBe('ok');
      expect(answers({ state, uid: OTHER, reusePort: undefined }, { ...ANY6, ...ADDR })).toBeUndefined();
    }
    expect(answers({ state: 'listening' }, LOOPBACK6)).toBe('ok');
  });

  it('sees dual-stack from IPv4, and takes it for 0.0.0.0', () => {
    expect(answers({ state: 'listening', ...ANY6 }, ANY4)).toBe(NO);
    expect(answers({ state: 'listening', ...ANY6, ...BOTH }, { ...ANY4, ...ADDR })).toBe(NO);
    expect(answers({ state: 'listening', ...ANY6, ...BOTH }, { ...ANY4, ...PORT })).toBe('ok');
    expect(answers({ state: 'listening', ...ANY6, ...BOTH }, ADDR)).toBe('ok');
    expect(answers({ state: 'listening', ...ONLY6 }, ANY4)).toBe('ok');
  });

  it('binds ::ffff:0.0.0.0 as it does 0.0.0.0, but beside a wildcard of another socket of IPv6', () => {
    const existing = [{ ...ANY4 }, { address: '127.0.0.1' }, LOOPBACK6, ONLY6];
    for (const one of existing) expect(answers(one, MAPPED4)).toBe(answers(one, ANY4));
    for (const one of [ANY6, MAPPED4]) {
      expect(answers(one, MAPPED4)).toBe('ok');
      expect(answers({ ...one, uid: OTHER }, MAPPED4)).toBe('ok');
    }
    // :: is stricter than the other way about.
    expect(answers(MAPPED4, ANY6)).toBe(NO);
    expect(answers({ ...MAPPED4, uid: OTHER, ...PORT }, { ...ANY6, ...PORT })).toBe('ok');
    expect(answers(MAPPED4, ANY4)).toBe(NO);
    expect(answers(MAPPED4, { address: '127.0.0.2' })).toBe(NO);
  });

  it('asks nothing at listen()', () => {
    expect(darwin.rule.listen([{ ...bound, state: 'listening' }], plain)).toBe('ok');
  });
});

describe('windows', () => {
  const S = {};
  const W = ANY4;
  const DEFAULT = {};
  const EXCLUSIVE = { exclusive: true };
  const SECOND: Partial<Newcomer>[] = [DEFAULT, ADDR, EXCLUSIVE].flatMap((options) => [
    { ...options, ...W },
    { ...options, ...S },
  ]);
  const answers = (existing: Partial<Existing>) =>
    SECOND.map((newcomer) =>
      windows.rule.bind([{ ...bound, state: 'listening', ...existing }], { ...plain, ...newcomer }),
    );
  const ACCESS = 'EACCES';

  // "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE": the second socket on the wildcard and on a specific address, with
  // no option, SO_REUSEADDR, SO_EXCLUSIVEADDRUSE.
  it.each<[first: string, existing: Partial<Existing>, sameUser: Answer[], otherUser: Answer[]]>([
    ['default, wildcard', W, [NO, 'ok', ACCESS, 'ok', NO, 'ok'], [NO, ACCESS, ACCESS, ACCESS, NO, ACCESS]],
    ['default, specific', S, ['ok', NO, 'ok', ACCESS, NO, NO], ['ok', NO, 'ok', ACCESS, NO, NO]],
    [
      'SO_REUSEADDR, wildcard',
      { ...ADDR, ...W },
      [NO, 'ok', 'ok', 'ok', NO, 'ok'],
      [NO, ACCESS, 'ok', 'ok', NO, ACCESS],
    ],
    ['SO_REUSEADDR, specific', ADDR, ['ok', NO, 'ok', 'ok', NO, NO], ['ok', NO, 'ok', 'ok', NO, NO]],
    [
      'SO_EXCLUSIVEADDRUSE, wildcard',
      { ...EXCLUSIVE, ...W },
      [NO, ACCESS, ACCESS, ACCESS, NO, ACCESS],
      [NO, ACCESS, ACCESS, ACCESS, NO, ACCESS],
    ],
    ['SO_EXCLUSIVEADDRUSE, specific', EXCLUSIVE, ['ok', NO, 'ok', ACCESS, NO, NO], ['ok', NO, 'ok', ACCESS, NO, NO]],
  ])('answers by its table beside %s', (_, existing, sameUser, otherUser) => {
    expect(answers(existing)).toEqual(sameUser);
    expect(answers({ ...existing, uid: OTHER })).toEqual(otherUser);
  });

  it('does not decide what its tables do not tell', () => {
    const unknown = { reuseAddress: undefined, exclusive: undefined, uid: undefined };
    expect(answers({ ...unknown, ...W })).toEqual([NO, undefined, undefined, undefined, NO, undefined]);
    expect(answers({ ...unknown, ...S })).toEqual(['ok', NO, 'ok', undefined, NO, NO]);
  });

  it('lets bind over connections, and leaves open what comes of exclusive ones', () => {
    for (const state of ['connected', 'time-wait'] as const) {
      expect(answers({ state })).toEqual(['ok', 'ok', 'ok', 'ok', undefined, undefined]);
      // Measured of an exclusive one that comes back over its own; no list tells that it is.
      const back = SECOND.map(({ exclusive }) => (exclusive ? 'ok' : undefined));
      expect(answers({ exclusive: true, state })).toEqual(back);
      expect(answers({ exclusive: undefined, state })).toEqual(Array(SECOND.length).fill(undefined));
      expect(answers({ ...EXCLUSIVE, state, address: '127.0.0.2' }).filter((one) => one === 'ok')).toHaveLength(4);
    }
  });

  it('is not told of a client that was bound itself', () => {
    expect(answers({ state: 'connected', boundTo: bound })).toEqual(Array(SECOND.length).fill(undefined));
  });
});

describe('a row of the list', () => {
  const row = {
    address: '127.0.0.1',
    family: 4,
    isOpen: false,
    count: 1,
    pids: [],
    uid: 0,
    remoteAddress: '127.0.0.1',
    remotePort: 9,
  } satisfies Partial<SocketRow>;

  it('is a TIME_WAIT to the rule where an end of it is told, FIN_WAIT2 that nobody has too', () => {
    const FIN_WAIT2 = 5;
    expect(existingOf({ ...row, state: FIN_WAIT2, timeLeft: 59_000 }).state).toBe('time-wait');
    expect(existingOf({ ...row, state: FIN_WAIT2 }).state).toBe('connected');
  });
});

describe('who receives', () => {
  const sockets = (...list: Partial<Newcomer>[]): Newcomer[] => list.map((one) => ({ ...plain, ...one }));
  const at = (address: string) => canonical(address);
  const found = (rule: Rule, list: Newcomer[], address: string) =>
    rule.receives(list, at(address))?.map((one) => list.indexOf(one));

  it('is nobody without the address', () => {
    for (const rule of [linux.rule, darwin.rule, windows.rule]) {
      expect(found(rule, sockets({}, ONLY6), '127.0.0.2')).toEqual([]);
      expect(found(rule, sockets(ANY4, {}), '::1')).toEqual([]);
    }
  });

  it('is the most specific address, and a wildcard of the own family before a dual-stack one', () => {
    for (const rule of [linux.rule, darwin.rule, windows.rule]) {
      for (const options of [ADDR, BOTH]) {
        const list = sockets({ ...options, ...ANY6 }, { ...options, ...ANY4 }, options);
        expect(found(rule, list, '127.0.0.1')).toEqual([2]);
        // Of Windows, nobody has looked what becomes of IPv4 beside an older dual-stack ::.
        expect(found(rule, list, '127.0.0.2')).toEqual(rule === windows.rule ? undefined : [1]);
        expect(found(rule, [list[1], list[0]] as Newcomer[], '127.0.0.2')).toEqual([0]);
        expect(found(rule, list, '::1')).toEqual([0]);
      }
    }
  });

  it('is the youngest of equals on Linux, and all of a group', () => {
    expect(found(linux.rule, sockets(ADDR, ADDR, ADDR), '127.0.0.1')).toEqual([2]);
    expect(found(linux.rule, sockets(BOTH, PORT, ADDR), '127.0.0.1')).toEqual([2]);
    expect(found(linux.rule, sockets(ADDR, BOTH, PORT), '127.0.0.1')).toEqual([1, 2]);
    expect(found(linux.rule, sockets({ ...BOTH, uid: OTHER }, BOTH, BOTH), '127.0.0.1')).toEqual([1, 2]);
  });

  it('is the oldest of equals on Linux where they are of IPv6 and have SO_REUSEPORT', () => {
    const dual = { ...BOTH, ...ANY6 };
    expect(found(linux.rule, sockets(dual, { ...BOTH, ...ONLY6 }), '::1')).toEqual([0]);
    expect(found(linux.rule, sockets({ ...dual, uid: OTHER }, dual), '::1')).toEqual([0]);
    expect(found(linux.rule, sockets(dual, { ...ADDR, ...ANY6 }), '::1')).toEqual([1]);
  });

  it('is on macOS the youngest on an exact address, and the oldest wildcard', () => {
    expect(found(darwin.rule, sockets(PORT, PORT), '127.0.0.1')).toEqual([1]);
    expect(found(darwin.rule, sockets({ ...PORT, ...ANY4 }, { ...PORT, ...ANY4 }), '127.0.0.1')).toEqual([0]);
  });

  it('is on Windows the oldest of equals for TCP, and not told for UDP', () => {
    expect(found(windows.rule, sockets(ADDR, ADDR, ADDR), '127.0.0.1')).toEqual([0]);
    const udp = { ...ADDR, protocol: 'udp' } as const;
    expect(found(windows.rule, sockets(udp, udp), '127.0.0.1')).toBeUndefined();
  });
});

describe('addresses', () => {
  const local = (host: string, ipv6Only = false) => ({ ...canonical(host), ipv6Only });

  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['0.0.0.0', '127.0.0.1', true],
    ['0.0.0.0', '::1', false],
    ['::', '127.0.0.1', true],
    ['::', '0.0.0.0', true],
    ['::', '::1', true],
    ['::1', '127.0.0.1', false],
    ['::ffff:127.0.0.1', '127.0.0.1', true],
    ['::ffff:0.0.0.0', '127.0.0.1', true],
    ['::ffff:0.0.0.0', '::1', false],
    ['0:0::0:1', '::1', true],
    ['fe80::1%eth0', 'fe80::1', true],
    ['fe80::1%eth0', 'fe80::1%eth1', false],
    // A number may be that of the name.
    ['fe80::1%2', 'fe80::1%eth0', true],
    ['fe80::1%2', 'fe80::1%3', false],
  ])('%s and %s overlap: %s', (one, other, isSo) => {
    expect(overlap(local(one), local(other))).toBe(isSo);
    expect(overlap(local(other), local(one))).toBe(isSo);
  });

  it('of IPv6 alone overlap none of IPv4', () => {
    expect(overlap(local('::', true), local('0.0.0.0'))).toBe(false);
    expect(overlap(local('127.0.0.1'), local('::', true))).toBe(false);
    expect(overlap(local('::', true), local('::1'))).toBe(true);
  });
});

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
    expect(sentenceOf(report({ verdict: 'free' }))).toBe('nobody any more: the address has become free');
  });
});
