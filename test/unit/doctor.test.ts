// The findings of exactbind doctor on the systems that this one is not, from facts as they would be there; and what it reads of programs.
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../cli/findings.ts';
import { findingsOf } from '../../cli/findings-process.ts';
import type { Facts } from '../../lib/door.ts';
import { rangeOf, settingsIn } from '../../lib/machine/darwin.ts';
import { dynamicRangeIn, excludedRangesIn } from '../../lib/machine/windows.ts';

const RANGE = { first: 49_152, last: 65_535 };

const FACTS: Facts = {
  ...{ system: 'windows', release: '10.0.26100', arch: 'x64', node: 'v24.0.0' },
  binary: { path: 'C:\\exactbind.node', why: 'prebuilt', refusals: [] },
  promises: [],
  list: { error: null, hasBound: false, seesEveryProcess: false },
  tried: { plain: { host: '::', exclusivity: 'full' }, guard: { host: '127.0.0.1', exclusivity: 'full' } },
  lowPorts: { firstUnprivileged: 0, onWildcard: true, onAddress: true },
  ports: { ephemeral: { tcp: RANGE, udp: RANGE }, reserved: [], excluded: { tcp: [], udp: [] } },
  settings: {},
  process: { uid: null, capabilities: null, confinements: [] },
  sight: { hidepid: null, isFirstPidNamespace: null, container: null, isWsl: false },
  hook: { isActive: false, nodeOptions: null, path: 'C:\\register.cjs' },
};

const MAC: Facts = {
  ...FACTS,
  system: 'darwin',
  release: '27.0.0',
  list: { error: null, hasBound: true, seesEveryProcess: false },
  tried: {
    plain: { host: '::', exclusivity: 'partial', caveat: 'macOS lets a process of the same user take them' },
    guard: { host: '127.0.0.1', exclusivity: 'full' },
  },
  lowPorts: { firstUnprivileged: 1024, onWildcard: true, onAddress: false },
  ports: {
    ephemeral: { tcp: RANGE, udp: RANGE },
    reserved: [],
    excluded: { tcp: [{ first: 55_555, last: 55_555 }], udp: [] },
  },
  settings: { 'kern.ipc.somaxconn': '128' },
  process: { uid: 501, capabilities: null, confinements: [] },
};

const LINUX: Facts = {
  ...FACTS,
  system: 'linux',
  release: '5.15.0',
  settings: { 'net.ipv6.bindv6only': '0' },
  process: { uid: 0, capabilities: ['CAP_SYS_PTRACE'], confinements: [] },
  list: { error: null, hasBound: true, seesEveryProcess: true },
  sight: { hidepid: null, isFirstPidNamespace: true, container: null, isWsl: false },
};

const found = (facts: Facts, privilege?: string): Record<string, Finding> =>
  Object.fromEntries(findingsOf(facts, privilege).map((one) => [one.id, one]));

const notesOf = (facts: Facts) =>
  findingsOf(facts, undefined)
    .filter(({ level }) => level !== 'ok')
    .map(({ id, level }) => `${level} ${id}`);

describe('the findings', () => {
  it('are all ok on a plain Windows and a plain Linux', () => {
    expect(notesOf(FACTS)).toEqual([]);
    expect(notesOf(LINUX)).toEqual([]);
  });

  it('of macOS name the wildcard, the low ports, 55555, the queue and the other users', () => {
    expect(notesOf(MAC)).toEqual([
      'note exclusive',
      'note excluded-tcp',
      'note low-ports',
      'note kern.ipc.somaxconn',
      'note sight',
    ]);
    const { exclusive, 'low-ports': low, 'excluded-tcp': kept } = found(MAC, 'bind every address');
    expect(exclusive?.remedy).toContain('bind each address');
    expect(low).toMatchObject({ sentence: 'Ports below 1024 on one address need root.', remedy: 'bind every address' });
    expect(kept?.sentence).toContain('55555');
    expect(notesOf({ ...MAC, process: { ...MAC.process, uid: 0 } })).not.toContain('note sight');
  });

  it('are a note where macOS keeps its list back, and a problem where Linux does', () => {
    const list = { error: 'EPERM', hasBound: false, seesEveryProcess: false };
    expect(found({ ...MAC, list })['list']).toMatchObject({
      level: 'note',
      remedy: expect.stringContaining('throw-away'),
    });
    expect(found({ ...LINUX, list })['list']).toMatchObject({
      level: 'problem',
      remedy: expect.stringContaining('NETLINK_SOCK_DIAG'),
    });
  });

  it('say that a Linux before 6.8 lists no bound sockets', () => {
    const list = { error: null, hasBound: false, seesEveryProcess: true };
    expect(found({ ...LINUX, list })['list']).toMatchObject({
      level: 'note',
      sentence: expect.stringContaining('5.15.0'),
    });
  });

  it('are problems where nothing can be bound', () => {
    const tried = { plain: { host: null, code: 'EMFILE' }, guard: { host: null, code: 'EMFILE' } };
    expect(notesOf({ ...LINUX, tried })).toEqual(['problem exclusive', 'problem guard']);
  });

  it('say that there is no IPv6', () => {
    const tried = { ...LINUX.tried, plain: { host: '0.0.0.0', exclusivity: 'full' as const } };
    expect(found({ ...LINUX, tried })['ipv6']).toMatchObject({
      level: 'note',
      remedy: expect.stringContaining('sysctl'),
    });
    expect(found({ ...FACTS, tried })['ipv6']?.remedy).not.toContain('sysctl');
  });

  it('name the ranges that Windows refuses, and say where it tells none', () => {
    const ranges = Array.from({ length: 10 }, (_, at) => ({ first: 5000 + at * 100, last: 5099 + at * 100 }));
    const excluded = { tcp: ranges, udp: null };
    const named = found({ ...FACTS, ports: { ...FACTS.ports, excluded } });
    expect(named['excluded-tcp']?.sentence).toMatch(/5000-5099, 5100-5199, .* and 2 more\.$/);
    expect(named['excluded-udp']?.remedy).toBe('netsh interface ipv4 show excludedportrange udp');
    const ephemeral = { tcp: null, udp: null };
    expect(notesOf({ ...FACTS, ports: { ...FACTS.ports, ephemeral } })).toEqual(['note ephemeral']);
  });

  it('advise each system in its own words to keep usual ports out of the range', () => {
    const ports = { ...FACTS.ports, ephemeral: { tcp: { first: 1025, last: 65_535 }, udp: RANGE } };
    expect(found({ ...FACTS, ports })['ephemeral']?.remedy).toMatch(/^netsh .*set dynamicportrange/);
    expect(found({ ...MAC, ports })['ephemeral']?.remedy).toMatch(/^sysctl -w net\.inet\.ip\.portrange/);
    expect(found({ ...LINUX, ports })['ephemeral']?.remedy).toMatch(/^sysctl -w net\.ipv4\.ip_local_reserved_ports/);
  });

  it('say that Linux runs inside Windows', () => {
    expect(notesOf({ ...LINUX, sight: { ...LINUX.sight, isWsl: true } })).toEqual(['note wsl']);
  });
});

describe('what programs print', () => {
  it('of macOS are names and values', () => {
    const settings = settingsIn(
      'kern.ipc.somaxconn: 128\nnet.inet.ip.portrange.first: 49152\nnet.inet.ip.portrange.last: 65535\n',
    );
    expect(settings['kern.ipc.somaxconn']).toBe('128');
    expect(rangeOf(settings)).toEqual(RANGE);
    expect(rangeOf(settingsIn(''))).toBe(null);
    const turned = { 'net.inet.ip.portrange.first': '65535', 'net.inet.ip.portrange.last': '49152' };
    expect(rangeOf(turned)).toEqual(RANGE);
  });

  it('of Windows are ranges, in whatever language', () => {
    const english =
      '\r\nProtocol tcp Dynamic Port Range\r\n---------------------------------\r\nStart Port      : 49152\r\nNumber of Ports : 16384\r\n\r\n';
    const german =
      '\r\nProtokoll tcp Dynamischer Portbereich\r\n---------------------------------\r\nStartport         : 1024\r\nAnzahl von Ports  : 64511\r\n\r\n';
    expect(dynamicRangeIn(english)).toEqual(RANGE);
    expect(dynamicRangeIn(german)).toEqual({ first: 1024, last: 65_534 });
    expect(dynamicRangeIn('')).toBe(null);

    const excluded =
      '\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port      \r\n----------    --------      \r\n      5357        5357      \r\n     50000       50059     *\r\n\r\n* - Administered port exclusions.\r\n';
    expect(excludedRangesIn(excluded)).toEqual([
      { first: 5357, last: 5357 },
      { first: 50_000, last: 50_059 },
    ]);
    expect(excludedRangesIn('\r\n----------    --------      \r\n')).toEqual([]);
    // Wine has a netsh that prints nothing.
    expect(excludedRangesIn('')).toBe(null);
  });
});
