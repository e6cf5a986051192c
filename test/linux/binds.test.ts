// How many binds a start takes: the kernel walks the connections on the port for each that is made with SO_REUSEADDR.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasIpv6 } from '../fixtures/facts.ts';
import { actor, done, endScenes, REUSE, timeWait } from '../fixtures/inspect/scenes.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { REQUIRED, runCommand } from '../fixtures/register/run.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exactbind-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(endScenes);

/** The results of every bind() to the port, in the program that listens there under the hook. */
async function bindsOf(port: number, host: string): Promise<string[]> {
  needs('strace');
  const output = join(folder, `${port}`);
  const script = `require('net').createServer().on('error', () => {}).listen(${port}, '${host}', function () { this.close(); })`;
  const strace = ['-f', '-e', 'trace=bind', '-o', output, process.execPath];
  const { code, stderr } = await runCommand('strace', [...strace, ...REQUIRED, '-e', script]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const calls = (await readFile(output, 'utf8')).matchAll(/bind\(\d+, .*htons\((\d+)\).*\) += (0|-1 \w+)/g);
  return [...calls].filter((call) => call[1] === `${port}`).map((call) => call[2] as string);
}

const REFUSED = '-1 EADDRINUSE';
const HOSTS = ['127.0.0.1', '0.0.0.0', ...(hasIpv6 ? ['::'] : [])];

describe('a listen', () => {
  it.for(HOSTS)('binds %s once where somebody listens', async (host) => {
    const port = ownPort();
    await done(actor().open({ host: '127.0.0.1', port, options: [...REUSE], listen: true }));
    expect(await bindsOf(port, host)).toEqual([REFUSED]);
  });

  it.for(HOSTS)('binds %s again over what it cannot be told apart from but by SO_REUSEADDR', async (host) => {
    const [left, bound] = [ownPort(), ownPort()];
    await timeWait([...REUSE])(left);
    expect(await bindsOf(left, host)).toEqual([REFUSED, '0']);
    await done(actor().open({ host: '127.0.0.1', port: bound }));
    expect(await bindsOf(bound, host)).toEqual([REFUSED, REFUSED]);
  });
});
