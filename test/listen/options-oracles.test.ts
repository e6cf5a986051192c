// Socket options as others see them: CPython's numbers and bytes, strace's calls, and what ss reads through netlink.
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, getOption, getRawOption, getTcpInfo, type RawFields } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { numberOfSocket } from '../../lib/adopt/socket-number.ts';
import { isWindows } from '../fixtures/facts.ts';
import { needs } from '../fixtures/needs.ts';
import { OPTION_KINDS, openKind } from '../fixtures/socket-kinds.ts';
import { describeOn, itOn } from '../fixtures/systems.ts';

interface Row {
  name: string;
  level: string;
  type: string;
  tier: 'A' | 'B' | 'C' | 'D';
  direction?: 'get' | 'set';
  linux?: number;
}
const rows = JSON.parse(readFileSync(new URL('../../native/options.json', import.meta.url), 'utf8')) as Row[];
const numbers = constants as Record<string, number | undefined>;

interface Oracle {
  names: Record<string, number | null>;
  reads: string[];
}

/** CPython's answers; the descriptors of `sockets` are its own 3, 4, … */
function python(sockets: readonly number[], names: readonly string[], reads: readonly number[][]): Oracle {
  const command = process.platform === 'win32' ? 'python' : 'python3';
  const { stdout } = spawnSync(command, [fileURLToPath(new URL('../fixtures/options/oracle.py', import.meta.url))], {
    input: JSON.stringify({ names, reads }),
    stdio: ['pipe', 'pipe', 'inherit', ...sockets],
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(String(stdout));
}

// CPython gives the name to WSAIoctl()'s SIO_TCP_SET_ACK_FREQUENCY there.
const RENAMED = isWindows ? ['TCP_QUICKACK'] : [];

describe('CPython', () => {
  needs('python3');

  it('has the same names and numbers', () => {
    const oracle = python([], Object.keys(constants), []);
    const shared = Object.entries(oracle.names).filter(([name, number]) => number !== null && !RENAMED.includes(name));
    expect(Object.fromEntries(shared.map(([name]) => [name, numbers[name]]))).toEqual(Object.fromEntries(shared));
    expect(shared.length).toBeGreaterThan(isWindows ? 40 : 50);
  });

  itOn('linux', 'darwin')('reads the same bytes from the same sockets', async () => {
    const kinds = await Promise.all(OPTION_KINDS.map(openKind));
    // SO_ERROR is cleared, SO_PEERPIDFD opens a descriptor, and the next two read their buffer, which CPython does not
    // clear; the others are of the moment.
    const moment = [
      'TCP_ZEROCOPY_RECEIVE',
      'IPV6_FLOWLABEL_MGR',
      'SO_ERROR',
      'SO_PEERPIDFD',
      'TCP_INFO',
      'TCP_CONNECTION_INFO',
      'TCP_TIMESTAMP',
      'TCP_CC_INFO',
    ];
    const readable = rows.filter(
      ({ name, level, direction }) =>
        direction !== 'set' && numbers[name] !== undefined && numbers[level] !== undefined && !moment.includes(name),
    );
    const fds = kinds.map(({ socket }) => numberOfSocket(socket));
    const asked = fds.flatMap((fd, index) =>
      readable.map(({ level, name }) => ({
        fd,
        question: [3 + index, numbers[level], numbers[name], 512] as number[],
      })),
    );
    const oracle = python(
      fds,
      [],
      asked.map(({ question }) => question),
    );
    const ours = asked.map(({ fd, question: [, level = 0, number = 0, length = 0] }) => {
      try {
        return getRawOption(fd, level, number, length).toString('hex');
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        return code === 'ENOTSUP' ? 'EOPNOTSUPP' : code;
      }
    });
    await Promise.all(kinds.map((kind) => kind.close()));
    const named = (answers: string[]) =>
      answers.map(
        (answer, index) => `${readable[index % readable.length]?.name} ${answer.replace('ENOTSUP', 'EOPNOTSUPP')}`,
      );
    expect(named(ours)).toEqual(named(oracle.reads));
    expect(ours.filter((answer) => /^[0-9a-f]+$/.test(answer)).length).toBeGreaterThan(300);
  });
});

interface Meant {
  name: string;
  fd: number;
  call: 'getsockopt' | 'setsockopt';
  level: number;
  number: number;
  length: number;
  bytes?: string;
}

// strace's own spelling.
const ALIASES: Record<string, string> = {
  IPV6_JOIN_GROUP: 'IPV6_ADD_MEMBERSHIP',
  IPV6_LEAVE_GROUP: 'IPV6_DROP_MEMBERSHIP',
  SO_RCVTIMEO: 'SO_RCVTIMEO_OLD',
  SO_SNDTIMEO: 'SO_SNDTIMEO_OLD',
};

const int = (value: number) => Buffer.from(new Int32Array([value]).buffer).toString('hex');

/** The bytes of a value as strace writes it: numbers are ints, and text is in hexadecimal. */
function bytesOf(value: string): string {
  const parts = value.replace(/\/\*.*?\*\//g, '').matchAll(/"((?:\\x[0-9a-f]{2})*)"|(?<![\w\\])(-?\d+|0x[0-9a-f]+)\b/g);
  return [...parts].map(([, text, number]) => text?.replaceAll('\\x', '') ?? int(Number(number))).join('');
}

const CALL =
  /^(\w+)\((\d+), (0x\w+|0) \/\* (\S+) \*\/, (0x\w+|\d+) \/\* (\S+) \*\/, (.*), \[?(\d+)(?: => \d+)?\]?\) += /;

describeOn('linux')('strace', () => {
  it('sees the level, name, length and value that each typed option is meant to have', () => {
    needs('strace', 'IPv6');
    const folder = mkdtempSync(join(tmpdir(), 'exactbind-'));
    const log = join(folder, 'log');
    const program = fileURLToPath(new URL('../fixtures/options/calls.mjs', import.meta.url));
    const flags = ['-X', 'verbose', '-xx', '-s', '8192', '-e', 'trace=getsockopt,setsockopt', '-o', log];
    const { stdout, status, stderr } = spawnSync('strace', [...flags, process.execPath, program], { encoding: 'utf8' });
    const lines = readFileSync(log, 'utf8').split('\n');
    rmSync(folder, { recursive: true });
    expect(status, stderr).toBe(0);

    const seen = lines.map((line) => CALL.exec(line)).filter((match) => match !== null);
    const meant = JSON.parse(stdout) as Meant[];
    let at = 0;
    const unseen = [];
    const wrong = [];
    for (const one of meant) {
      const { name, call, level, number, length, bytes } = one;
      // libuv and BoundSocket make calls in between.
      while (
        at < seen.length &&
        !(seen[at]?.[1] === call && Number(seen[at]?.[3]) === level && Number(seen[at]?.[5]) === number)
      ) {
        at++;
      }
      const found = seen[at++];
      if (found === undefined) {
        unseen.push(name);
        break;
      }
      const [spelled = '', value = '', given] = found.slice(6);
      if (!spelled.endsWith('???') && spelled !== (ALIASES[name] ?? name)) wrong.push(`${name} is ${spelled}`);
      if (Number(given) !== length) wrong.push(`${name} has ${given} bytes, not ${length}`);
      // In the one structure that strace takes apart, the padding after the index and after the address is not shown.
      const expected = value.includes('gr_group') ? `${bytes?.slice(0, 8)}${int(2)}${bytes?.slice(20, 32)}` : bytes;
      if (bytes !== undefined && bytesOf(value) !== expected) wrong.push(`${name} is set to ${value}, not ${bytes}`);
    }
    expect(unseen).toEqual([]);
    expect(wrong).toEqual([]);
    const typed = rows.filter(({ tier, linux }) => (tier === 'A' || tier === 'B') && linux !== undefined);
    expect(new Set(meant.map(({ name }) => name))).toEqual(new Set(typed.map(({ name }) => name)));
  });
});

/** What `ss` says of a connection, by its own names. */
function ss(port: number): { words: string; fields: Record<string, string> } {
  const words = execFileSync('ss', ['-tienomOH', `sport = :${port}`], { encoding: 'utf8' });
  const fields = Object.fromEntries([...words.matchAll(/([\w]+):(\S+)/g)].map(([, name, value]) => [name, value]));
  return { words, fields: fields as Record<string, string> };
}

const ms = (value: number | null) => Number(value?.toPrecision(6));

describeOn('linux')('ss', () => {
  it('agrees on every field that both have', async () => {
    needs('iproute2');
    const { socket, peer, close } = (await openKind('tcp4')) as {
      socket: Socket;
      peer: Socket;
      close(): Promise<void>;
    };
    for (let round = 0; round < 20; round++) {
      const received = once(peer, 'data');
      socket.write(Buffer.alloc(3000));
      await received;
      const answered = once(socket, 'data');
      peer.write('ok');
      await answered;
    }
    // Delayed acknowledgements are the last that moves: two reads with nothing in between tell that it is over.
    const port = socket.localPort as number;
    let info = getTcpInfo(socket);
    let told = ss(port);
    const stable = ({ raw }: { raw: RawFields }) =>
      JSON.stringify([raw['segs_in'], raw['segs_out'], String(raw['delivery_rate']), raw['rto']]);
    for (let again = getTcpInfo(socket); stable(again) !== stable(info); again = getTcpInfo(socket)) {
      info = again;
      told = ss(port);
    }
    const { fields, words } = told;
    const { raw } = info;
    const [rtt, rttVar] = (fields['rtt'] ?? '').split('/').map(Number);
    expect([rtt, rttVar]).toEqual([ms(info.rtt), ms(info.rttVar)]);
    expect(fields['wscale']).toBe(`${raw['snd_wscale']},${raw['rcv_wscale']}`);
    const compared: Record<string, number | bigint | null | undefined> = {
      rto: info.rto,
      mss: info.mss,
      pmtu: info.pmtu,
      rcvmss: info.rcvMss,
      advmss: info.advMss,
      cwnd: info.cwndSegments,
      ssthresh: raw['snd_ssthresh'] === 0x7fffffff ? undefined : raw['snd_ssthresh'],
      bytes_sent: info.bytesSent,
      bytes_retrans: info.bytesRetransmitted || undefined,
      bytes_acked: info.bytesAcked,
      bytes_received: info.bytesReceived,
      segs_out: info.segmentsSent,
      segs_in: info.segmentsReceived,
      data_segs_out: raw['data_segs_out'],
      data_segs_in: raw['data_segs_in'],
      delivered: raw['delivered'],
      unacked: raw['unacked'] || undefined,
      retrans: undefined,
      notsent: info.notSentBytes || undefined,
      rcv_space: raw['rcv_space'],
      rcv_ssthresh: raw['rcv_ssthresh'],
      rcv_rtt: raw['rcv_rtt'] ? ms(Number(raw['rcv_rtt']) / 1000) : undefined,
      minrtt: info.minRtt === null ? undefined : ms(info.minRtt),
      snd_wnd: info.sendWindow,
      rcv_wnd: info.receiveWindow,
      rcv_ooopack: info.outOfOrder || undefined,
      reordering: raw['reordering'] === 3 ? undefined : raw['reordering'],
      busy: undefined,
    };
    for (const [name, value] of Object.entries(compared)) {
      // Versions of ss differ in which they print.
      if (value === undefined || fields[name] === undefined) continue;
      expect(Number.parseFloat(fields[name]), name).toBe(Number(value));
    }
    const common = Object.keys(compared).filter((name) => fields[name] !== undefined && compared[name] !== undefined);
    expect(common.length).toBeGreaterThanOrEqual(17);

    expect(fields['sk']).toBe(getOption(socket, 'SO_COOKIE').toString(16));
    expect(words).toContain(` ${getOption(socket, 'TCP_CONGESTION')} `);
    const { rmemAlloc, rcvbuf, wmemAlloc, sndbuf, fwdAlloc, wmemQueued, optmem, backlog, drops } = getOption(
      socket,
      'SO_MEMINFO',
    );
    expect(fields['skmem']).toBe(
      `(r${rmemAlloc},rb${rcvbuf},t${wmemAlloc},tb${sndbuf},f${fwdAlloc},w${wmemQueued},o${optmem},bl${backlog},d${drops})`,
    );
    expect([words.includes(' ts '), words.includes(' sack ')]).toEqual([info.timestamps, info.sack]);
    expect(info.state).toBe('ESTABLISHED');
    await close();
  });
});
