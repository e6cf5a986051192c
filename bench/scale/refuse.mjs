// Is refused a port again and again in one way, and prints of each refusal: whether it names the pid, how long it took, and
// for how long the main thread was busy with it. Arguments: the way, the port, the pid that has it, how often.
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { BoundSocket, listen } from 'exactbind';
import { printWhole } from '../harness/print.mjs';
import { refusalOf } from '../harness/refusals.mjs';

/** @import { SystemError } from 'exactbind' */

const [way, port, pid, count] = process.argv.slice(2);
const where = { port: Number(port), host: '127.0.0.1' };

/** @type {Record<string, () => Promise<Error>>} */
const WAYS = {
  'await listen(server)': () =>
    listen(net.createServer(), where).then(
      () => new Error('it was bound'),
      (error) => error,
    ),
  'server.listen under register': () =>
    new Promise((resolve) => {
      net.createServer().on('error', resolve).listen(where);
    }),
  'new BoundSocket': async () => refusalOf(() => new BoundSocket(where)),
};

// What is busy is known from the second turn of the event loop on.
await new Promise(setImmediate);
const result = { named: 0, took: /** @type {number[]} */ ([]), busy: /** @type {number[]} */ ([]) };
for (let left = Number(count); left > 0; left--) {
  const before = performance.eventLoopUtilization();
  const start = process.hrtime.bigint();
  const error = /** @type {SystemError} */ (await WAYS[way]());
  result.took.push(Number(process.hrtime.bigint() - start));
  result.busy.push(performance.eventLoopUtilization(before).active * 1e6);
  if (error.code !== 'EADDRINUSE') throw error;
  if (error.heldBy?.includes(`(pid ${pid}, `)) result.named++;
}
printWhole(result);
