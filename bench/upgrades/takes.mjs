// A program that takes over from the instance before it, by listenOrTake().
import process from 'node:process';
import { listenOrTake } from 'exactbind/handover';
import { address, makeServer } from './serve.cjs';

const server = makeServer();
server.once('close', () => process.exit());
await listenOrTake(server, { ...address, handover: /** @type {string} */ (process.env['UPGRADES_OFFER']) });
