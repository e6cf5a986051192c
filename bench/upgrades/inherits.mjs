// A program of a socket unit: systemd has opened its socket, and keeps it while no process runs.
import net from 'node:net';
import process from 'node:process';
import { inheritedSockets, notify } from 'exactbind/handover';
import { prepareToDrain } from './draining.mjs';
import { makeServer } from './serve.cjs';

const server = makeServer();
const drain = prepareToDrain(server);
server.once('close', () => process.exit());
server.listen(inheritedSockets()[0].socket, () => notify.ready());
process.once('SIGTERM', () => {
  notify.stopping();
  drain();
  // The close() of http ends idle connections, also those on which a request is on its way.
  net.Server.prototype.close.call(server);
});
