// A live demonstration: an exclusive server, other processes that try to take its port, a request, a restart.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { BoundSocket } from 'exactbind';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
/** @type {(mark: string, what: string, result: string) => void} */
const row = (mark, what, result) => console.log(`  ${mark} ${what.padEnd(52)} ${result}`);

let unexpected = 0;
let taken = 0;
/**
 * @param {boolean} asExpected
 * @param {string} what
 * @param {string} result
 */
function report(asExpected, what, result) {
  row(asExpected ? '✔' : '✘', what, result);
  if (!asExpected) unexpected++;
}

/** @param {import('exactbind').BindOptions} options */
async function rival(options) {
  const child = fork(fileURLToPath(new URL('demo-rival.mjs', import.meta.url)), [JSON.stringify(options)]);
  const [{ error, syscall }] = await once(child, 'message');
  return {
    pid: child.pid,
    refused: error !== undefined,
    result: error ? `refused: ${error} from ${syscall}()` : 'took it!',
  };
}

const windows = process.platform === 'win32';
/** @param {string[]} names */
const on = (...names) => Object.fromEntries(names.map((name) => [name, true]));
/** @type {[what: string, host: string, socketOptions: object][]} */
const rivals = [
  ['a plain socket on ::', '::', {}],
  ['a plain socket on 127.0.0.1, below our ::', '127.0.0.1', {}],
  ['SO_REUSEADDR on ::', '::', on('SO_REUSEADDR')],
  ['SO_REUSEADDR on 127.0.0.1, below our ::', '127.0.0.1', on('SO_REUSEADDR')],
  windows
    ? ['SO_EXCLUSIVEADDRUSE on 0.0.0.0', '0.0.0.0', on('SO_EXCLUSIVEADDRUSE')]
    : ['SO_REUSEADDR and SO_REUSEPORT on ::', '::', on('SO_REUSEADDR', 'SO_REUSEPORT')],
];

/** @type {http.RequestListener} */
const handler = (_, response) => response.setHeader('connection', 'close').end(`hello from pid ${process.pid}`);
const server = http.createServer(handler);

console.log(`exactbind ${version} on ${os.type()} ${os.release()}, Node ${process.version}\n`);
const bound = new BoundSocket({ acceptPartial: true });
const { port, address } = bound.address();
server.listen(bound);
await once(server, 'listening');
report(true, `server, pid ${process.pid}`, `listens on ${address} port ${port}, exclusivity: ${bound.exclusivity}`);
if (bound.caveat) row(' ', '', bound.caveat);

for (const [what, host, socketOptions] of rivals) {
  const { pid, refused, result } = await rival({ port, host, sharing: 'raw', socketOptions });
  const title = `pid ${pid}: ${what}`;
  if (!refused && bound.exclusivity === 'partial') {
    // The hole that the caveat above is about.
    taken++;
    row('!', title, result);
  } else {
    report(refused, title, result);
  }
}

const answer = await fetch(`http://localhost:${port}/`);
const text = await answer.text();
report(answer.ok, `GET http://localhost:${port}/`, `${answer.status} ${text}`);

server.close();
await once(server, 'close');
// The server closed that connection, so its end of it waits in TIME_WAIT on the port.
const started = performance.now();
try {
  const again = new BoundSocket({ port, acceptPartial: true });
  const successor = http.createServer(handler).listen(again);
  const took = (performance.now() - started).toFixed(1);
  const { ok } = await fetch(`http://localhost:${port}/`);
  report(ok, 'a restart on the same port', `serves again, bound in ${took} ms, outcome: ${again.outcome}`);
  successor.close();
} catch (error) {
  const { code, heldBy } = /** @type {NodeJS.ErrnoException & { heldBy?: string }} */ (error);
  report(false, 'a restart on the same port', `refused: ${code}${heldBy ? `, ${heldBy}` : ''}`);
}

const end = taken === 0 ? 'Nobody else got the port.' : `${taken} got the port through the hole that is named above.`;
console.log(unexpected === 0 ? `\n${end}` : `\n${unexpected} of these should not have happened.`);
process.exitCode = unexpected === 0 ? 0 : 1;
