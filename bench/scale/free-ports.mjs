// Prints so many ports that nobody has, or why this process cannot open so many.
import process from 'node:process';
import { BoundSocket } from 'exactbind';

// Below the ephemeral ports of every system: a client that connects meanwhile takes none of them.
const [FIRST, LAST] = [10_000, 32_767];
const HELD = ['EADDRINUSE', 'EACCES'];

const wanted = Number(process.argv[2]);
/** @type {BoundSocket[]} */
const opened = [];
/** @type {string | undefined} */
let reason;
for (let port = FIRST; port <= LAST && opened.length < wanted && reason === undefined; port++) {
  try {
    opened.push(new BoundSocket({ port, host: '127.0.0.1' }));
  } catch (error) {
    const { code, message } = /** @type {import('exactbind').SystemError} */ (error);
    if (!HELD.includes(code)) reason = `${opened.length} listen: ${message}`;
  }
}
if (opened.length < wanted) reason ??= `only ${opened.length} ports are free`;
const ports = opened.map((socket) => socket.address().port);
for (const socket of opened) socket.close();
console.log(JSON.stringify(reason === undefined ? { ports } : { reason }));
