// The cycles that are traced for their system calls; as a program it runs one of them between two marks.
import { accessSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

/** @import { BindOptions } from 'exactbind' */

/** A path that nothing else touches. */
export const MARK = '/exactbind-bench-mark';

// net.BoundSocket of Node 24.21 and 26.4.
const { BoundSocket: Core } = /** @type {{ BoundSocket?: new (where: object) => object }} */ (net);
const LOOPBACK = { port: 0, host: '127.0.0.1' };
// Loaded only by the process that is traced, and not where register must be alone.
const ours = () => import('exactbind');

/** @param {(server: net.Server) => unknown} open */
const serving = (open) => () =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.on('close', resolve).on('listening', () => server.close());
    open(server);
  });
/** @param {BindOptions} where */
const plain = (where) => async () => serving((server) => server.listen({ ...where, exclusive: true }));
/** @param {BindOptions} where */
const adopted = (where) => async () => {
  const { BoundSocket } = await ours();
  return serving((server) => server.listen(new BoundSocket(where)));
};
/** @param {BindOptions} where */
const alone = (where) => async () => {
  const { BoundSocket } = await ours();
  return () => new BoundSocket(where).close();
};
/** @type {(Core: new (where: object) => object, where: BindOptions) => () => Promise<() => unknown>} */
const core = (Core, where) => async () => serving((server) => server.listen(new Core(where)));

/** @type {Record<string, () => Promise<() => unknown>>} */
export const CASES = {
  'server.listen, 127.0.0.1': plain(LOOPBACK),
  'server.listen(new BoundSocket), 127.0.0.1': adopted(LOOPBACK),
  'server.listen under register, 127.0.0.1': plain(LOOPBACK),
  ...(Core ? { 'server.listen(new net.BoundSocket), 127.0.0.1': core(Core, LOOPBACK) } : {}),
  'new BoundSocket, close, 127.0.0.1': alone(LOOPBACK),
  'server.listen, default host': plain({ port: 0 }),
  'server.listen(new BoundSocket), default host': adopted({ port: 0 }),
  'server.listen under register, default host': plain({ port: 0 }),
  'new BoundSocket, close, default host': alone({ port: 0 }),
};

function mark() {
  try {
    accessSync(MARK);
  } catch {}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, cycles] = process.argv.slice(2);
  const cycle = await CASES[name]();
  for (const count of [50, Number(cycles)]) {
    mark();
    for (let left = count; left > 0; left--) await cycle();
  }
  mark();
}
