// Ports on the command line: words, ranges, services and hosts; several of them; who has them, in text and in JSON.
import { describe, expect, it } from 'vitest';
import { ancestryLine, duration } from '../../cli/ancestry.ts';
import { highest } from '../../cli/exit.ts';
import { askedBy, hostFrom } from '../../cli/ports.ts';
import { portIn } from '../../cli/services.ts';
import { timeFrom } from '../../cli/timeout.ts';
import { actor, cli, held, LOCAL, said } from '../fixtures/cli.ts';
import { schemaOf, wrongIn } from '../fixtures/json-schema.ts';
import { holding } from '../fixtures/kill/holding.ts';
import { ownPort } from '../fixtures/ports.ts';
import { describeOn } from '../fixtures/systems.ts';

describe('a word for a port', () => {
  it.each<[string, { host?: string; udp?: true }, [number, string | undefined, string][]]>([
    ['3000', {}, [[3000, undefined, 'tcp']]],
    ['3000', { host: '::1', udp: true }, [[3000, '::1', 'udp']]],
    ['8000-8002', {}, [8000, 8001, 8002].map((port) => [port, undefined, 'tcp'])],
    ['80-80', {}, [[80, undefined, 'tcp']]],
    ['http', {}, [[80, undefined, 'tcp']]],
    ['[::1]:3000', {}, [[3000, '::1', 'tcp']]],
    ['[::1]:3000', { host: '127.0.0.1' }, [[3000, '::1', 'tcp']]],
    ['[fe80::1%eth0]:3000', {}, [[3000, 'fe80::1%eth0', 'tcp']]],
    ['localhost:https', {}, [[443, 'localhost', 'tcp']]],
    ['*:3000', { host: '127.0.0.1' }, [[3000, undefined, 'tcp']]],
    ['127.0.0.1:8000-8001', {}, [8000, 8001].map((port) => [port, '127.0.0.1', 'tcp'])],
  ])('%s with %j', (word, options, expected) => {
    const asked = expected.map(([port, host, protocol]) => ({ port, host, protocol }));
    expect(askedBy(word, options)).toEqual(asked);
  });

  it.each([
    ['0', /^A port is a number/],
    ['65536', /^A port is a number/],
    ['8010-8000', /^A range starts with the lower port: 8000-8010/],
    ['0-5', /^A port is a number/],
    ['1-65536', /^A port is a number/],
    ['', /^A port is a number/],
    ['-1', /^A port is a number/],
    ['::1:3000', /^A port is a number/],
    [':3000', /^A port is a number/],
    ['no-such-service', /has no service of that name/],
    ['toString', /has no service of that name/],
  ])('is not %j', (word, message) => {
    expect(() => askedBy(word, {})).toThrow(message);
  });

  it('may have its host in brackets', () => {
    expect(hostFrom('[::1]')).toBe('::1');
    expect(hostFrom('::1')).toBe('::1');
    expect(() => hostFrom('[]')).toThrow('empty');
  });

  it('is looked up by name, alias and protocol', () => {
    const services = '# comment\nhttp\t80/tcp\twww # World Wide Web\nsyslog 514/udp\r\nshell 514/tcp cmd syslog\n';
    expect(portIn(services, 'www', 'tcp')).toBe(80);
    expect(portIn(services, 'http', 'udp')).toBeUndefined();
    expect(portIn(services, 'World', 'tcp')).toBeUndefined();
    expect(portIn(services, 'syslog', 'udp')).toBe(514);
    expect(portIn(services, '#', 'tcp')).toBeUndefined();
  });
});

describe('other words', () => {
  it('a time has a unit', () => {
    expect(['250', '250ms', '1.5s', '2m', '1h'].map(timeFrom)).toEqual([250, 250, 1500, 120_000, 3_600_000]);
    for (const word of ['', 's', '-1', '1d', 'Infinity']) expect(() => timeFrom(word), word).toThrow('A time is');
  });

  it('of several exit codes the highest counts', () => {
    expect(highest([])).toBe(0);
    expect(highest([0, 3, 1])).toBe(3);
  });
});

describe('the line of ancestors', () => {
  const one = (pid: number, name: string, command: string, startedAt = 0) => ({
    pid,
    name,
    command,
    self: false,
    startedAt,
  });
  const init = one(1, 'systemd', '/sbin/init');
  const zsh = one(2, 'zsh', '-zsh');
  const npm = one(3, 'node', 'npm run dev');
  const sh = one(4, 'dash', 'sh -c node server.js');
  const server = one(5, 'node', '/usr/bin/node --enable-source-maps /srv/server.js --port 80', 1000);

  it('begins with the shell, leaves out those that only run a command, and calls scripts by their names', () => {
    const now = 1000 + 3 * 3_600_000;
    expect(ancestryLine([server, sh, npm, zsh, one(9, 'sshd', 'sshd'), init], now)).toBe(
      'zsh → npm → node server.js --port 80, for 3 hours',
    );
    expect(
      ancestryLine([server, one(6, 'node', 'node /usr/lib/node_modules/npm/bin/npm-cli.js start'), init], now),
    ).toBe('npm → node server.js --port 80, for 3 hours');
    expect(ancestryLine([server, init], 1000)).toBe('node server.js --port 80, for 0 seconds');
    expect(ancestryLine([])).toBeUndefined();
  });

  it.each([
    ['node --require exactbind/register app.js --port 80', 'node app.js --port 80'],
    ['node --import=tsx -r dotenv/config app.js', 'node app.js'],
    ['node -e http.createServer().listen(80)', 'node -e http.createServer().listen(80)'],
    ['/usr/bin/node --inspect', 'node --inspect'],
    ['PM2 v7.0.4: God Daemon (/home/ada/.pm2)', 'PM2 v7.0.4: God Daemon (/home/ada/.pm2)'],
  ])('shows the script of %s', (command, line) => {
    expect(ancestryLine([one(7, 'node', command)], 1000)?.replace(/, for .*/, '')).toBe(line);
  });

  it('tells a time by its largest unit', () => {
    expect([999, 1000, 60_000, 7_200_000, 86_400_000, -5].map(duration)).toEqual([
      '0 seconds',
      '1 second',
      '1 minute',
      '2 hours',
      '1 day',
      '0 seconds',
    ]);
  });
});

describe('several ports', () => {
  it('are told in their order, and the exit code is the highest', async () => {
    const [free, taken] = [ownPort(), held()];
    const { code, stdout } = await cli(['inspect', free, taken, `192.0.2.1:${free}`]);
    expect(code).toBe(3);
    const lines = stdout.split('\n').filter((line) => / tcp {2}/.test(line));
    expect(lines).toEqual([
      `[::]:${free} tcp  free`,
      `[::]:${taken} tcp  taken: somebody listens`,
      `192.0.2.1:${free} tcp  unknown`,
    ]);
    expect(await cli(['who', `${taken}-${taken}`, free, '--host', LOCAL])).toEqual(
      said(1, expect.stringMatching(new RegExp(`^127\\.0\\.0\\.1:${taken} {2}\\S+ \\(pid ${process.pid}, .*\\)\n$`))),
    );
  });

  it('are a list in JSON', async () => {
    const [free, taken] = [ownPort(), held()];
    const { code, stdout } = await cli(['inspect', '--json', free, taken]);
    expect(code).toBe(1);
    const reports = JSON.parse(stdout);
    expect(reports).toMatchObject([{ verdict: 'free' }, { verdict: 'listening' }]);
    for (const report of reports) expect(wrongIn(report, schemaOf('inspect'))).toEqual([]);
  });
});

describe('who', () => {
  it('has the whole ancestry in JSON, and the pids alone with --pid', async () => {
    const port = ownPort();
    const { pid, other = 0 } = await holding('restarts', port);
    const { code, stdout } = await cli(['who', port, '--json']);
    expect(code).toBe(1);
    const answer = JSON.parse(stdout);
    expect(wrongIn(answer, schemaOf('who'))).toEqual([]);
    expect(answer).toMatchObject({ port, verdict: 'listening', processes: [{ pid: other }] });
    const [{ ancestors }] = answer.processes;
    if (process.platform !== 'win32') expect(ancestors.slice(0, 2)).toMatchObject([{ pid }, { pid: process.pid }]);
    expect(await cli(['who', port, port, '--pid'])).toEqual(said(1, `${other}\n`));
    expect(await cli(['who', port, '--pid', '--json'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describeOn('linux')('who', () => {
  it('tells what has no process in the words of the schema too', async () => {
    const [other, port] = [actor(), ownPort()];
    await other.open({ host: LOCAL, port, listen: true });
    const { stdout } = await cli(['who', port, ownPort(), '--json', '--host', LOCAL]);
    for (const answer of JSON.parse(stdout)) expect(wrongIn(answer, schemaOf('who'))).toEqual([]);
  });
});
