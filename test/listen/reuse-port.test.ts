// sharing: 'reuse-port' without a port: a group of one's own, which others can join.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { BoundSocket, bindUdp, listen } from 'exactbind';
import { afterEach, expect, it } from 'vitest';
import { hasIpv6 } from '../fixtures/facts.ts';
import { describeOn } from '../fixtures/systems.ts';

// More than there are, of a port that the system may choose again, chances to miss it.
const GROUPS = 500;

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

describeOn('linux')("sharing: 'reuse-port' with port 0", () => {
  it.each(
    (['tcp', 'udp'] as const).flatMap((protocol) =>
      ['127.0.0.1', ...(hasIpv6 ? ['::', '::1'] : [])].map((host) => [protocol, host] as const),
    ),
  )('gives distinct ports: %s on %s', (protocol, host) => {
    const options = { sharing: 'reuse-port', protocol, host, port: 0, acceptPartial: true } as const;
    const groups = Array.from({ length: GROUPS }, () => new BoundSocket(options));
    endings.push(...groups.map((one) => () => one.close()));
    const ports = new Set(groups.map((one) => one.address().port));
    expect(ports.size).toBe(GROUPS);
    expect(ports.has(0)).toBe(false);
    const [first] = groups as [BoundSocket];
    const joined = new BoundSocket({ ...options, port: first.address().port });
    endings.push(() => joined.close());
    const alone = { ...options, sharing: 'exclusive', port: first.address().port } as const;
    expect(() => new BoundSocket(alone)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
  });

  it('serves', async () => {
    const server = createServer((socket) => socket.end('served'));
    endings.push(() => server.close());
    const { port } = await listen(server, { port: 0, host: '127.0.0.1', sharing: 'reuse-port', acceptPartial: true });
    const client = connect(port, '127.0.0.1');
    expect(String((await once(client, 'data'))[0])).toBe('served');

    const socket = createSocket('udp4');
    endings.push(() => socket.close());
    const bound = await bindUdp(socket, { port: 0, host: '127.0.0.1', sharing: 'reuse-port', acceptPartial: true });
    const sender = createSocket('udp4');
    endings.push(() => sender.close());
    sender.send('served', bound.port, '127.0.0.1');
    expect(String((await once(socket, 'message'))[0])).toBe('served');
  });
});
