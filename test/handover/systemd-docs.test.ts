// docs/systemd.md: systemd accepts its units, its programs serve what they inherit, and its plist is one.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BoundSocket } from 'exactbind';
import { expect, it, onTestFinished } from 'vitest';
import { start, WITH_PID } from '../fixtures/handover/child.ts';
import { needs } from '../fixtures/needs.ts';
import { describeOn } from '../fixtures/systems.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/systemd.md'), 'utf8');

const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text = '']) => text);

const units = blocks('ini').map((text) => ({ name: /^# (\S+)\n/.exec(text)?.[1] ?? '', text }));
const programs = blocks('js').map((text) => [/storeSockets/.test(text) ? 'stored' : 'socket unit', text] as const);

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'systemd-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

describeOn('linux')('docs/systemd.md', () => {
  it.each(units)('has $name as systemd wants it', ({ name }) => {
    needs('systemd-analyze');
    const where = folder();
    // It looks whether the programs are there.
    for (const unit of units) {
      writeFileSync(join(where, unit.name), unit.text.replaceAll('/usr/bin/node', process.execPath));
    }
    const { stderr, status } = spawnSync('systemd-analyze', ['verify', '--man=no', join(where, name)], {
      encoding: 'utf8',
    });
    // Of other units of the machine it speaks too.
    const ours = stderr.split('\n').filter((line) => units.some((unit) => line.includes(unit.name)));
    expect({ ours, status }).toEqual({ ours: [], status: 0 });
  });

  it.each(programs)('serves what it inherits: %s', async (_, code) => {
    const where = folder();
    mkdirSync(join(where, 'node_modules'));
    symlinkSync(root, join(where, 'node_modules/exactbind'));
    writeFileSync(join(where, 'server.mjs'), code);
    const socket = new BoundSocket({ port: 0, host: '127.0.0.1' });
    const env = { LISTEN_FDS: '1', LISTEN_FDNAMES: 'web' };
    const child = start([...WITH_PID, process.execPath, join(where, 'server.mjs')], [socket.fd()], env);
    expect(await (await fetch(`http://127.0.0.1:${socket.address().port}`)).text()).toBe('hello');
    await child.end('SIGKILL');
    socket.close();
  });

  it('has a plist', async () => {
    needs('python3');
    const [text = ''] = blocks('xml');
    const script = 'import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
    const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(text);
    let said = '';
    child.stdout.on('data', (bytes) => {
      said += bytes;
    });
    await once(child, 'close');
    expect(JSON.parse(said)).toMatchObject({ Label: 'org.example.hello', KeepAlive: true });
  });
});
