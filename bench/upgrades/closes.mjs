// The same, as docs/systemd.md has it: close() when it is told to end.
import process from 'node:process';
import { inheritedSockets, notify } from 'exactbind/handover';
import { makeServer } from './serve.cjs';

const server = makeServer();
server.listen(inheritedSockets()[0].socket, () => notify.ready());
process.once('SIGTERM', () => {
  notify.stopping();
  server.close(() => process.exit());
});
