// A process that opens and closes plain servers on request, with or without exactbind/register.
import net from 'node:net';
import { calledBack } from '../harness/measure.mjs';

/** @param {string | undefined} host */
const run = (host) =>
  calledBack((next) => {
    const server = net.createServer();
    server.on('close', next);
    server.on('listening', () => server.close());
    server.listen({ port: 0, host, exclusive: true });
  });

process.on('message', async ({ host, cycles }) => process.send?.(await run(host)(cycles)));
