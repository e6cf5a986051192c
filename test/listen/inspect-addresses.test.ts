// Addresses that are not what they look like: of one interface, of a name that has several, of connected sockets.
import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspectPort, waitForPort } from 'exactbind';
import { afterEach, describe, expect, it } from 'vitest';
import { inspectFixture } from '../fixtures/inspect/processes.ts';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';
import { runCommand } from '../fixtures/register/run.ts';
import { describeOn } from '../fixtures/systems.ts';

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

describeOn('linux')('a link-local address', () => {
  needs('IPv6', 'another network', 'a bridge');

  it('is of its interface, and no address without one', async () => {
    const add = (name: string) =>
      `ip link add ${name} type bridge && ip link set ${name} up && ip -6 addr add fe80::1/64 dev ${name} nodad`;
    const setUp = `ip link set lo up && ${add('one')} && ${add('two')}`;
    const program = [process.execPath, inspectFixture('zones.mjs'), String(ownPort())];
    const { stdout, stderr } = await runCommand('unshare', [
      '--net',
      'sh',
      '-c',
      `${setUp} && exec "$@"`,
      'sh',
      ...program,
    ]);
    expect(stderr).toBe('');
    const told = JSON.parse(stdout);
    expect(told['fe80::1%one']).toEqual({ verdict: 'listening', exclusive: false, holders: ['fe80::1%one'] });
    expect(told['fe80::1%two']).toEqual({ verdict: 'free', exclusive: true, holders: [] });
    const reason = 'fe80::1 is an address of each interface';
    const remedy = 'name the interface: fe80::1%eth0';
    expect(told['fe80::1']).toMatchObject({ verdict: 'unknown', exclusive: false, reason, remedy });
    expect(told.refused).toEqual({ code: 'EINVAL', heldBy: reason, remedy });
  });
});

describe('waitForPort() until somebody listens on a name', () => {
  needs('IPv6');

  it.each(['127.0.0.1', '::1'])('is answered by whichever address of localhost does: %s', async (host) => {
    const addresses = (await lookup('localhost', { all: true })).map(({ address }) => address);
    if (!addresses.includes(host)) return;
    const port = ownPort();
    const waiting = waitForPort({ port, host: 'localhost' }, { until: 'listening', timeout: 20_000 });
    const server = createServer();
    endings.push(() => new Promise((resolve) => server.close(resolve)));
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    expect(await waiting).toMatchObject({ host, verdict: 'listening' });
    expect(await waitForPort({ port, host: 'localhost' }, { until: 'listening' })).toMatchObject({ host });
  });

  it('says after its time that nobody listens, and not who never had the port', async () => {
    const error = await waitForPort({ port: ownPort(), host: 'localhost' }, { until: 'listening', timeout: 1 }).catch(
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'ETIMEDOUT', report: { verdict: 'free' } });
    expect(error).not.toHaveProperty('heldBy');
  });
});

describeOn('linux')('a connected UDP socket of IPv6 alone', () => {
  needs('IPv6', 'python3');

  it('does not keep IPv4 from its port', async () => {
    const port = ownPort();
    const script = `
import socket, sys
made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
made.bind(("::", ${port}))
made.connect(("::1", 9))
print("holds", flush=True)
sys.stdin.read()`;
    const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    endings.push(() => child.stdin.end());
    await once(child.stdout, 'data');
    for (const host of ['0.0.0.0', '127.0.0.1']) {
      const { bindable } = await inspectPort({ port, host, protocol: 'udp' });
      expect(bindable.exclusive, host).toBe(true);
    }
    expect((await inspectPort({ port, protocol: 'udp' })).bindable.exclusive).toBe(false);
  });
});
