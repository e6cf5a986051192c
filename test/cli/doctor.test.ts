// exactbind doctor in environments that differ: what it finds, what it advises, and that its promises are those of the binds.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BindOptions, BoundSocket } from 'exactbind';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Finding } from '../../cli/findings.ts';
import type { Facts } from '../../lib/door.ts';
import { hasIpv6, quiet } from '../fixtures/facts.ts';
import { AS_NOBODY, HIDE_PROCESSES, IN_ANOTHER_NETWORK, needs, withMount } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { readableNode, readablePackage } from '../fixtures/readable.ts';
import { type Ended, runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { version, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

// Whatever the test runner is told about colours.
const PLAIN = { CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined };

interface Report {
  schema: number;
  version: string;
  findings: Finding[];
  facts: Facts | null;
}

/** The command, behind words that change where it runs: it may be read by any user. */
function doctor(words: string[] = [], before: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const program =
    before.length === 0
      ? [process.execPath, join(root, bin.exactbind)]
      : [readableNode(), join(readablePackage(), bin.exactbind)];
  const [file = '', ...args] = [...before, ...program, 'doctor', ...words];
  return runCommand(file, args, { ...PLAIN, ...env });
}

async function reportOf(before: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Report & { code: unknown }> {
  const { code, stdout, stderr } = await doctor(['--json'], before, env);
  expect(stderr).toBe('');
  return { ...(JSON.parse(stdout) as Report), code };
}

/** By id: `level sentence → remedy`. */
const byId = ({ findings }: Report): Record<string, string> =>
  Object.fromEntries(
    findings.map(({ id, level, sentence, remedy }) => [
      id,
      `${level} ${sentence}${remedy === undefined ? '' : ` → ${remedy}`}`,
    ]),
  );

const factsOf = ({ facts }: Report): Facts => facts as Facts;

/** Every name in it, of objects inside too; a setting's name is a value. */
function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => (name === 'settings' ? [name] : [name, ...namesIn(one)]));
}

describe('exactbind doctor', () => {
  it('says in 80 columns what is promised, and ends with 0', async () => {
    const { code, stdout, stderr } = await doctor();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^exactbind ${version.replaceAll('.', '\\.')}, .*, Node v`));
    expect(stdout).toContain('\nSHARING ');
    // A path is never broken.
    const wide = stdout.split('\n').filter((line) => line.length > 80 && !line.includes(root));
    expect(wide).toEqual([]);
    expect(await doctor(['more'])).toMatchObject({ code: 2, stdout: '' });
  });

  it('prints JSON whose every name docs/doctor.md explains', async () => {
    const report = await reportOf();
    expect(report).toMatchObject({ schema: 1, version, code: 0 });
    const page = readFileSync(join(root, 'docs/doctor.md'), 'utf8');
    const { code: _, ...printed } = report;
    const unexplained = [...new Set(namesIn(printed))].filter((name) => !page.includes(`\`${name}\``));
    expect(unexplained).toEqual([]);
    for (const { id } of report.findings) expect(page).toContain(`\`${id}\``);
  });

  it('has a remedy for whatever is not ok', async () => {
    const { findings } = await reportOf();
    expect(findings.filter(({ level, remedy }) => level !== 'ok' && !remedy)).toEqual([]);
    for (const { sentence } of findings) expect(sentence).toMatch(/^[A-Zan].*\.$/s);
  });

  it('promises of each sharing mode what a socket then has', async () => {
    const { promises } = factsOf(await reportOf());
    const wrong: unknown[] = [];
    for (const { exclusivity, caveat, reason, overLeftovers: _, host, ipv6Only, ...kind } of promises) {
      if (host.includes(':') && !hasIpv6) continue;
      const options = { ...quiet, ...kind, host, ...(ipv6Only && { ipv6Only }), port: ownPort() } as BindOptions;
      try {
        const bound = new BoundSocket(options);
        const had = { exclusivity: bound.exclusivity, caveat: bound.caveat };
        bound.close();
        if (had.exclusivity !== exclusivity || had.caveat !== caveat) wrong.push({ options, had, exclusivity, caveat });
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (exclusivity !== null || code !== 'ENOTSUP' || !message.includes(reason as string)) {
          wrong.push({ options, message, exclusivity, reason });
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(promises.length).toBe(40);
  });

  it('says which binary was loaded, and what to do where none is', async () => {
    const { path } = factsOf(await reportOf()).binary;
    expect(existsSync(path)).toBe(true);

    const folder = mkdtempSync(join(tmpdir(), 'binary-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const none = await reportOf([], { EXACTBIND_PREBUILD: folder });
    expect(none).toMatchObject({ code: 1, facts: null, findings: [{ id: 'binary', level: 'problem' }] });
    expect(none.findings[0]?.sentence).toContain(`looked for ${folder}`);
    expect(none.findings[0]?.remedy).toMatch(/^Compile one: node .*cli\.cjs build$/);

    const ending = process.platform === 'linux' ? '.glibc.node' : '.node';
    const own = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(own, { recursive: true });
    copyFileSync(path, join(own, `exactbind${ending}`));
    const { binary } = factsOf(await reportOf([], { EXACTBIND_PREBUILD: folder }));
    expect(binary).toEqual({ path: join(own, `exactbind${ending}`), why: 'prebuilt', refusals: [] });
  });

  it('says whether the hook is active', async () => {
    const hook = join(root, 'dist', 'register.cjs');
    const without = await reportOf();
    expect(factsOf(without).hook).toEqual({ isActive: false, nodeOptions: null, path: hook });
    expect(byId(without)['hook']).toBe(
      `ok The hook is not active: a server that does not call exactbind binds as Node does. → start it with NODE_OPTIONS="--require ${hook}"`,
    );
    const byPath = await reportOf([], { NODE_OPTIONS: `--require "${hook}"` });
    expect(factsOf(byPath).hook).toEqual({ isActive: true, nodeOptions: hook, path: hook });
    expect(byId(byPath)['hook']).toMatch(/^ok The hook is active/);
    const byName = await reportOf([], { NODE_OPTIONS: '-r exactbind/register' });
    expect(byId(byName)['hook']).toMatch(/^note The hook is active, by a bare name .* → NODE_OPTIONS="--require \//);
    const title = await reportOf([], { NODE_OPTIONS: '--title=--require=exactbind/register' });
    expect(factsOf(title).hook).toMatchObject({ isActive: false, nodeOptions: null });
  });
});

/** Another network, in which settings of the kernel are changed. */
const withSettings = (settings: Record<string, string>) => {
  needs('another network');
  const words = Object.entries(settings).map(
    ([name, value]) => `echo '${value}' > /proc/sys/${name.replaceAll('.', '/')}`,
  );
  return [...IN_ANOTHER_NETWORK, 'sh', '-c', `${[...words, 'true'].join(' && ')} && exec "$@"`, 'sh'];
};

describeOn('linux')('exactbind doctor, on Linux', () => {
  it('says nothing but ok of a plain network', async () => {
    const found = byId(await reportOf(withSettings({})));
    for (const id of ['exclusive', 'guard', 'ephemeral', 'settings']) expect(found[id]).toMatch(/^ok /);
    expect(found['ephemeral']).toContain('from 32768 to 60999');
    expect(found['list']).toMatch(/^(ok The list of sockets is complete|note The list of sockets lacks)/);
  });

  it.for<[setting: string, value: string, id: string, says: RegExp]>([
    [
      'net.ipv4.ip_local_port_range',
      '1024 65535',
      'ephemeral',
      /^note .* includes 3000, 5000, 8000, 8080: .*reserved_ports=3000,/,
    ],
    ['net.ipv4.ip_local_port_range', '40000 40009', 'ephemeral', /^note .*: 10 run out soon\. → sysctl -w/],
    ['net.ipv4.ip_local_reserved_ports', '3000,8000-8010', 'reserved', /^ok Reserved.*: 3000, 8000-8010\./],
    ['net.core.somaxconn', '100', 'net.core.somaxconn', /^note .* is 100: a listener queues 100 .* → sysctl -w/],
    ['net.ipv4.ip_nonlocal_bind', '1', 'net.ipv4.ip_nonlocal_bind', /^note .* a wrong host goes unnoticed/],
    ['net.ipv6.bindv6only', '1', 'net.ipv6.bindv6only', /^note .* exactbind's serves both families/],
    ['net.ipv4.ip_autobind_reuse', '1', 'net.ipv4.ip_autobind_reuse', /^note .* SO_REUSEADDR have on another address/],
    ['net.ipv4.tcp_fin_timeout', '90', 'net.ipv4.tcp_fin_timeout', /^note .* for 90 s/],
    [
      'net.ipv6.conf.lo.disable_ipv6',
      '1',
      'ipv6',
      /^note IPv6 is off on the loopback .* → sysctl -w net\.ipv6\.conf\.lo/,
    ],
  ])('notes that %s is %s', async ([setting, value, id, says]) => {
    if (setting.includes('ipv6')) needs('IPv6');
    const report = await reportOf(withSettings({ [setting]: value }));
    expect(byId(report)[id]).toMatch(says);
    expect(factsOf(report).settings[setting]?.replaceAll('\t', ' ')).toBe(value);
    expect(report.code).toBe(0);
  });

  it('does not name ports that are reserved among those that may be taken', async () => {
    const settings = { 'net.ipv4.ip_local_port_range': '1024 65535', 'net.ipv4.ip_local_reserved_ports': '3000-8000' };
    expect(byId(await reportOf(withSettings(settings)))['ephemeral']).toMatch(/includes 8080: /);
  });

  it('finds the problem where no port is left for a guard', async () => {
    needs('python3', 'another network');
    // The only one there is, on another address, while the command runs.
    const port = 40_000;
    const held = `import socket, subprocess, sys
other = socket.socket()
other.bind(('127.0.0.2', ${port}))
sys.exit(subprocess.call(sys.argv[1:]))`;
    const settings = { 'net.ipv4.ip_local_port_range': `${port} ${port}` };
    const before = [...withSettings(settings), 'python3', '-c', held];
    const report = await reportOf(before);
    expect(byId(report)['guard']).toMatch(/^problem guard: true does not help: somebody else has the same port/);
    expect(report.code).toBe(1);
  });

  it('says what another user may not do, and does not see', async () => {
    needs('another user', 'util-linux', 'a privileged port');
    const report = await reportOf(AS_NOBODY);
    const found = byId(report);
    expect(found['low-ports']).toMatch(/^note Ports below \d+ need CAP_NET_BIND_SERVICE, .* → choose a higher port/);
    expect(found['capabilities']).toMatch(/^ok This process has no capability/);
    expect(found['sight']).toMatch(/^note Not every holder of a port can be named: the sockets of other users .*sudo/);
    expect(factsOf(report).list.seesEveryProcess).toBe(false);
  });

  it('lets another user bind low ports where the system does', async () => {
    needs('another user');
    const before = [...withSettings({ 'net.ipv4.ip_unprivileged_port_start': '0' }), ...AS_NOBODY];
    expect(byId(await reportOf(before))['low-ports']).toBe('ok This process may bind every port, the low ones too.');
  });

  it('names hidepid, which hides processes from another user and none from root', async () => {
    needs('another user', 'another /proc');
    const hiding = withMount(HIDE_PROCESSES);
    const found = byId(await reportOf([...hiding, ...AS_NOBODY]));
    expect(found['sight']).toMatch(
      /^note .*\/proc is mounted with hidepid=(2|invisible); .* → mount -o remount,hidepid=0/,
    );
    const ofRoot = await reportOf(hiding);
    expect(factsOf(ofRoot).sight.hidepid).toMatch(/^(2|invisible)$/);
    expect(byId(ofRoot)['sight']).not.toContain('hidepid');
  });

  it('says that processes outside a PID namespace have no number in it', async () => {
    needs('another /proc');
    const inside = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const report = await reportOf(inside);
    expect(factsOf(report).sight.isFirstPidNamespace).toBe(false);
    expect(byId(report)['sight']).toMatch(/^note .*outside this PID namespace.* → .*--pid=host/);
  });

  it('names the rules that may refuse a port', async () => {
    needs('util-linux');
    const confined = ['setpriv', '--no-new-privs'];
    expect(byId(await reportOf(confined))['confinement']).toMatch(/^note A rule may keep .*Landlock/);
  });
});
