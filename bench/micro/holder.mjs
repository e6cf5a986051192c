// A process that listens on a port of its own, says which, and leaves it to those who connect to end it.
import { createServer } from 'node:net';
import process from 'node:process';

const server = createServer((socket) => socket.on('error', () => {}).resume());
server.listen(0, () => process.send?.(/** @type {import('node:net').AddressInfo} */ (server.address()).port));
process.on('disconnect', () => process.exit());
