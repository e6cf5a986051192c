// A program that takes over by takeSockets(), or is the first; it tells its parent when it began to and when it was ready.
import process from 'node:process';
import { listen } from 'exactbind';
import { offerSockets, takeSockets } from 'exactbind/handover';
import { address, makeServer } from './serve.cjs';

const server = makeServer();
server.once('close', () => process.exit());
const path = /** @type {string} */ (process.env['UPGRADES_OFFER']);

const began = process.hrtime.bigint();
if (process.argv[2] === 'take') {
  const running = await takeSockets({ path });
  await listen(server, /** @type {import('exactbind').BoundSocket} */ (running.sockets[0].socket));
  await running.ready();
} else {
  await listen(server, address);
}
const ready = process.hrtime.bigint();
await offerSockets({ path, sockets: [{ name: 'web', socket: server }] });
process.send?.({ began, ready });
