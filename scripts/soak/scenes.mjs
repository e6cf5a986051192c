// What the soak does again and again: start, restart, refuse, inspect, wait, reserve, UDP. Whatever is not as promised is thrown.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { BoundSocket, bindUdp, inspectPort, inspectPortSync, listen, waitForPort } from 'exactbind';

const quiet = { acceptPartial: true };
const PATIENCE = 20_000;
const CLIENTS = 4;

/** @param {net.Server | dgram.Socket} closable @returns {Promise<void>} */
const closed = (closable) => new Promise((resolve) => closable.close(() => resolve()));

function greeter() {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    // The server is first to close, so that a TIME_WAIT is left on its port.
    socket.end('hello');
  });
  return server;
}

/** @param {number} port @param {string} host @returns {Promise<string>} */
function ask(port, host) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

/** @param {number} port @param {string} host */
async function serveClients(port, host) {
  const texts = await Promise.all(Array.from({ length: CLIENTS }, () => ask(port, host)));
  for (const text of texts) assert.equal(text, 'hello');
}

/**
 * One address, and where its clients find it.
 * @typedef {{ options: import('exactbind').BindOptions, client: string }} Place
 */

/** @type {readonly Place[]} */
const PLACES = [
  { options: {}, client: '127.0.0.1' },
  { options: { host: '0.0.0.0' }, client: '127.0.0.1' },
  { options: { host: '::', ipv6Only: true }, client: '::1' },
  { options: { host: '::1' }, client: '::1' },
  { options: { host: '127.0.0.1' }, client: '127.0.0.1' },
  { options: { host: '127.0.0.1', guard: true }, client: '127.0.0.1' },
  { options: { host: '0.0.0.0', sharing: 'reuse-port' }, client: '127.0.0.1' },
];

/** Listens, serves, refuses a second one, is inspected. @param {number} port @param {Place} place */
async function start(port, { options, client }) {
  const server = greeter();
  await listen(server, { port, ...options, ...quiet });
  await serveClients(port, client);
  if (options.sharing === undefined) {
    const refused = await listen(net.createServer(), { port, ...options, ...quiet }).then(
      () => undefined,
      (error) => error,
    );
    assert.equal(refused?.code, 'EADDRINUSE');
    assert.match(refused.heldBy, new RegExp(`pid ${process.pid}\\b`));
  }
  const report = await inspectPort({ port, host: options.host ?? '::' });
  assert.equal(report.verdict, 'listening');
  assert.ok(report.holders.some(({ self }) => self));
  await closed(server);
}

/** Over what start() has left on the port. @param {number} port @param {Place} place */
async function restart(port, { options, client }) {
  const bound = new BoundSocket({ port, ...options, ...quiet });
  if (options.sharing === undefined) assert.equal(bound.outcome, 'over-leftovers');
  const server = greeter();
  server.listen(bound);
  await once(server, 'listening');
  await serveClients(port, client);
  assert.equal(inspectPortSync({ port, host: options.host ?? '::' }).verdict, 'listening');
  await closed(server);
}

/** @param {number} port */
async function wait(port) {
  const asked = { port, host: '127.0.0.1' };
  const waitsForListener = waitForPort(asked, { until: 'listening', timeout: PATIENCE });
  const [first, next] = [net.createServer(), net.createServer()];
  await listen(first, { ...asked, ...quiet });
  await waitsForListener;
  const waitsForFree = waitForPort(asked, { until: 'free', timeout: PATIENCE });
  const controller = new AbortController();
  const givesUp = listen(net.createServer(), { ...asked, wait: PATIENCE, signal: controller.signal }).catch(
    ({ name }) => name,
  );
  const hasNoTime = waitForPort(asked, { until: 'free', timeout: 1 }).catch(({ code }) => code);
  assert.equal(await hasNoTime, 'ETIMEDOUT');
  controller.abort();
  assert.equal(await givesUp, 'AbortError');
  const waitsToStart = listen(next, { ...asked, ...quiet, wait: PATIENCE });
  first.close();
  await waitsToStart;
  next.close();
  await waitsForFree;
}

/** @param {number} port @param {Place} place */
async function reserve(port, { options, client }) {
  if (options.sharing !== undefined) return;
  new BoundSocket({ port, ...options, ...quiet, reserve: true }).close();
  const bound = new BoundSocket({ port, ...options, ...quiet, reserve: true });
  assert.equal(inspectPortSync({ port, host: options.host ?? '::' }).verdict, 'bound');
  const server = greeter();
  await listen(server, bound);
  await serveClients(port, client);
  await closed(server);
}

/** @param {number} port @param {string} host */
async function datagrams(port, host) {
  const type = host === '::1' ? 'udp6' : 'udp4';
  const [ours, theirs] = [dgram.createSocket(type), dgram.createSocket(type)];
  await bindUdp(ours, { port, host, ...quiet });
  const arrived = once(ours, 'message');
  theirs.send('hello', port, host);
  const [message] = await arrived;
  assert.equal(String(message), 'hello');
  assert.equal((await inspectPort({ port, host, protocol: 'udp' })).holders[0]?.self, true);
  await Promise.all([closed(ours), closed(theirs)]);
}

/**
 * Each takes a port that nobody else has, and leaves nothing but connections on it.
 * @type {readonly [name: string, scene: (port: number, round: number) => Promise<void>][]}
 */
export const SCENES = [
  ['listen, accept, refuse, inspect', (port, round) => start(port, placeOf(round))],
  ['restart over what is left', (port, round) => restart(port, placeOf(round))],
  ['reserve and adopt', (port, round) => reserve(port + 1, placeOf(round))],
  ['wait', (port) => wait(port + 2)],
  ['UDP', (port, round) => datagrams(port, ['127.0.0.1', '0.0.0.0', '::1'][round % 3] ?? '')],
];

/** @param {number} round */
const placeOf = (round) => /** @type {Place} */ (PLACES[round % PLACES.length]);
