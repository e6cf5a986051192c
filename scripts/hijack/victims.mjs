// Those who are attacked: exactbind in each of its recipes, and Node's own server and net.BoundSocket beside it.
import dgram from 'node:dgram';
import net from 'node:net';
import { BoundSocket, bindUdp } from '../../dist/index.mjs';

/**
 * What a start came to. `promise` is what was said: full, partial, or nothing (Node's own).
 * @typedef {{ promise: 'full' | 'partial' | 'none', outcome?: string, isNamed: boolean, adopt(): Promise<void>, close(): Promise<void> }} Started
 * @typedef {{ refused: string, isNamed: boolean }} Refused
 * @typedef {{
 *   name: string, host: string, ipv6Only?: boolean, protocol: 'tcp' | 'udp', targets: string[],
 *   more?: object, by?: 'node' | 'bound-socket', reserves?: boolean,
 * }} Recipe
 */

const PLACES = [
  { name: '0.0.0.0', host: '0.0.0.0', targets: ['127.0.0.1', '10.9.0.1'] },
  { name: ':: dual', host: '::', targets: ['::1', '127.0.0.1'] },
  { name: ':: V6ONLY', host: '::', ipv6Only: true, targets: ['::1'] },
  { name: '::1', host: '::1', targets: ['::1'] },
  { name: '127.0.0.1', host: '127.0.0.1', targets: ['127.0.0.1'] },
];
const GUARDED = PLACES.filter(({ name }) => name !== ':: dual').map((place) => ({
  ...place,
  name: `${place.name}, guard`,
  more: { guard: true },
}));
const DEVICE = { socketOptions: { SO_BINDTODEVICE: 'lo' } };
const ON_DEVICE = ['0.0.0.0', '::'].map((host) => ({
  name: `${host}, SO_BINDTODEVICE`,
  host,
  targets: [host === '::' ? '::1' : '127.0.0.1'],
  more: DEVICE,
}));

/** @type {Recipe[]} */
export const RECIPES = [
  ...[...PLACES, ...GUARDED, ...ON_DEVICE].map((place) => ({ ...place, protocol: /** @type {const} */ ('tcp') })),
  ...[...PLACES.map((place) => ({ ...place, more: {} })), ...GUARDED].map(({ name, more, ...place }) => ({
    ...place,
    name: `reservation of ${name}`,
    protocol: /** @type {const} */ ('tcp'),
    reserves: true,
    more: { ...more, reserve: true },
  })),
  ...[PLACES[0], PLACES[3], PLACES[4]].map(({ name, ...place }) => ({
    ...place,
    name: `reuse-port on ${name}`,
    protocol: /** @type {const} */ ('tcp'),
    more: { sharing: 'reuse-port' },
  })),
  ...PLACES.map(({ name, ...place }) => ({ ...place, name: `UDP ${name}`, protocol: /** @type {const} */ ('udp') })),
  ...[DEVICE, { ...DEVICE, guard: true }].map((more) => ({
    ...ON_DEVICE[0],
    name: `UDP ${ON_DEVICE[0].name}${'guard' in more ? ', guard' : ''}`,
    protocol: /** @type {const} */ ('udp'),
    more,
  })),
];

/** Node's own, in the same scenes. @type {Recipe[]} */
export const PEERS = ['node', 'bound-socket'].flatMap((by) =>
  PLACES.map(({ name, ...place }) => ({
    ...place,
    name: `${by === 'node' ? 'server.listen()' : 'net.BoundSocket'} on ${name}`,
    protocol: /** @type {const} */ ('tcp'),
    by: /** @type {'node' | 'bound-socket'} */ (by),
  })),
);

const BoundSocketOfNode = /** @type {any} */ (net).BoundSocket;
export const hasBoundSocketOfNode = BoundSocketOfNode !== undefined;

/** A server that waits for its clients to end: none of its connections stays in TIME_WAIT. */
function createServer() {
  /** @type {Set<net.Socket>} */
  const open = new Set();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.resume();
  });
  const close = () =>
    new Promise((resolve) => {
      for (const socket of open) socket.resetAndDestroy();
      server.close(() => resolve(undefined));
    });
  return { server, close };
}

/** @param {any} error @returns {Refused} */
function refusal(error) {
  if (error?.code === undefined) throw error;
  return { refused: error.code, isNamed: /nobody|uid 65534/.test(error.heldBy ?? '') };
}

/**
 * @param {net.Server} server
 * @param {any} what
 * @returns {Promise<void>}
 */
function listening(server, what) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(what, () => resolve());
  });
}

/** @param {Recipe} recipe @param {number} port @returns {Promise<Started | Refused>} */
async function startNode({ host, ipv6Only, by }, port) {
  const { server, close } = createServer();
  try {
    const what = by === 'node' ? { host, port, ipv6Only } : new BoundSocketOfNode({ host, port, ipv6Only });
    await listening(server, what);
  } catch (error) {
    return refusal(error);
  }
  return { promise: 'none', isNamed: false, adopt: async () => {}, close };
}

/** @param {Recipe} recipe @param {number} port @returns {Promise<Started | Refused>} */
async function startDatagrams({ host, ipv6Only, more }, port) {
  /** @type {BoundSocket} */
  let bound;
  try {
    bound = new BoundSocket({ host, port, ipv6Only, protocol: 'udp', acceptPartial: true, ...more });
  } catch (error) {
    return refusal(error);
  }
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  await bindUdp(socket, bound);
  return {
    promise: bound.exclusivity,
    outcome: bound.outcome,
    isNamed: /a socket of uid/.test(bound.caveat ?? ''),
    adopt: async () => {},
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/**
 * Starts once; with `adopts`, a server serves by the time it returns.
 * @param {Recipe} recipe
 * @param {number} port
 * @param {boolean} [adopts]
 * @returns {Promise<Started | Refused>}
 */
export async function start(recipe, port, adopts = true) {
  if (recipe.by !== undefined) return startNode(recipe, port);
  if (recipe.protocol === 'udp') return startDatagrams(recipe, port);
  const { host, ipv6Only, more } = recipe;
  /** @type {BoundSocket} */
  let bound;
  try {
    bound = new BoundSocket({ host, port, ipv6Only, acceptPartial: true, ...more });
  } catch (error) {
    return refusal(error);
  }
  const { server, close } = createServer();
  let isAdopted = false;
  const adopt = async () => {
    await listening(server, bound);
    isAdopted = true;
  };
  if (adopts) {
    try {
      await adopt();
    } catch (error) {
      bound[Symbol.dispose]();
      return refusal(error);
    }
  }
  return {
    promise: bound.exclusivity,
    outcome: bound.outcome,
    isNamed: /a socket of uid/.test(bound.caveat ?? ''),
    adopt,
    async close() {
      if (isAdopted) await close();
      else bound[Symbol.dispose]();
    },
  };
}
