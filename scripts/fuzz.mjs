// Makes random calls of everything that reads and sets options, on sockets of every kind and on what is no socket.
//
// `node scripts/fuzz.mjs [calls] [seed]`, in a network of its own and without privileges: scripts/sanitize.mjs sees to that.
import { once } from 'node:events';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as exactbind from 'exactbind';

/** @import { BindOptions } from 'exactbind' */

const { BoundSocket, constants, getOption, getPeerCredentials, getRawOption, getTcpInfo, isSupported } = exactbind;
const { setOption, setRawOption } = exactbind;
const addon = createRequire(import.meta.url)('node-gyp-build')(fileURLToPath(new URL('..', import.meta.url)));

const calls = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
console.log(`${calls} calls, seed ${seed}, uid ${process.getuid?.()}`);

let state = seed >>> 0;
/**
 * 0 up to, and without, `below`.
 * @param {number} below
 */
function random(below) {
  // Marsaglia's xorshift.
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
/**
 * @template T
 * @param {T[]} list
 */
const pick = (list) => list[random(list.length)];

const names = Object.keys(constants);
const numbers = Object.values(constants);
const NOISE = new Uint8Array(2 ** 17).map(() => random(256));

function length() {
  return pick([random(5), random(17), random(300), random(65537), 4, 8, 65536]);
}

function bytes(size = length()) {
  // Of its own, so that the end of it is the end of an allocation.
  const made = new Uint8Array(size);
  made.set(NOISE.subarray(random(NOISE.length - size), NOISE.length).subarray(0, size));
  return made;
}

const anyInt = () =>
  pick([random(100), random(65536), -random(300), (random(2 ** 31) << 1) ^ random(2), 2 ** 31 - 1, -(2 ** 31)]);
const number = () => (random(4) === 0 ? anyInt() : pick(numbers));
const level = () => (random(4) === 0 ? anyInt() : pick([0, 1, 6, 17, 41, 255, 263, 282, 284, -1]));

/** @type {any[]} */
const ODD = [
  undefined,
  null,
  true,
  '',
  'x',
  1n,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  {},
  [],
  () => {},
  Symbol('x'),
];
/** @returns {any} what no function is made for */
function anything() {
  /** @type {(() => unknown)[]} */
  const kinds = [
    anyInt,
    () => pick(ODD),
    bytes,
    () => random(2) === 1,
    () => pick(names),
    () => ({ onoff: true, linger: anyInt() }),
  ];
  return pick(kinds)();
}

const folder = mkdtempSync(join(tmpdir(), 'exactbind-fuzz-'));
const files = [0, 1, 2].map((index) => {
  const fd = openSync(join(folder, `${index}`), 'w+');
  writeSync(fd, `file ${index}`);
  return fd;
});

let round = 0;

/**
 * A server and a connection to it.
 * @param {{ port: number, host: string, path?: undefined } | { path: string }} where
 * @returns {Promise<[net.Server, net.Socket]>}
 */
async function pair(where) {
  const server = net.createServer((socket) => socket.on('error', () => {}).resume()).listen(where);
  await once(server, 'listening');
  const to =
    where.path === undefined ? { ...where, port: /** @type {net.AddressInfo} */ (server.address()).port } : where;
  const client = net.connect(to).on('error', () => {});
  await once(client, 'connect');
  return [server, client];
}

/** New sockets of every kind, since options may leave a socket unable to do anything more. */
async function sockets() {
  /** @type {BindOptions[]} */
  const kinds = [
    { host: '127.0.0.1' },
    { host: '::1' },
    { host: '127.0.0.1', protocol: 'udp' },
    { host: '::1', protocol: 'udp' },
    { host: '127.0.0.1', reserve: true },
  ];
  const bound = kinds.map((options) => new BoundSocket({ port: 0, sharing: 'raw', ...options }));
  const [tcp, stream] = await pair({ port: 0, host: '127.0.0.1' });
  const [local, unix] = await pair({ path: `\0exactbind-fuzz-${seed}-${round++}` });
  const fds = bound.map((socket) => socket.fd());
  const gone = new BoundSocket();
  const closedFd = gone.fd();
  gone.close();
  const close = () => {
    for (const socket of [stream, unix]) socket.destroy();
    for (const server of [...bound, tcp, local]) server.close();
  };
  return { all: [...bound, tcp, stream, local, unix, ...fds], fds: [...fds, closedFd], close };
}

const gone = new BoundSocket();
gone.close();
const others = [new net.Socket(), gone, ...files, 2 ** 31 - 1, -1, 2 ** 53];
/** What can be seen of the descriptors that are no sockets, but for those that come and go. */
function look() {
  return JSON.stringify(
    files.map((fd) => [
      fstatSync(fd).size,
      readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'),
      readlinkSync(`/proc/self/fd/${fd}`),
    ]),
  );
}

// SO_PEERPIDFD opens a descriptor at each read, and not everybody here reads its number.
function closePidfds() {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).includes('pidfd')) closeSync(fd);
    } catch {
      // It was the one with which the folder was read.
    }
  }
}

/** @param {any[]} list */
const target = (list) => (random(5) === 0 ? pick(random(4) === 0 ? [anything()] : others) : pick(list));
/**
 * @param {number[]} fds
 * @returns {any}
 */
const fdOf = (fds) => (random(5) === 0 ? pick([...files, 99, anything()]) : pick(fds));

/** @type {((list: any[]) => unknown)[]} */
const PUBLIC = [
  (list) => getRawOption(target(list), level(), number(), length()),
  (list) => getRawOption(target(list), anything(), anything(), anything()),
  (list) => setRawOption(target(list), level(), number(), random(2) === 0 ? anyInt() : bytes()),
  (list) => setRawOption(target(list), anything(), anything(), anything()),
  (list) => getOption(target(list), random(20) === 0 ? anything() : pick(names)),
  (list) => setOption(target(list), random(20) === 0 ? anything() : pick(names), anything()),
  (list) => getTcpInfo(target(list)),
  (list) => getPeerCredentials(target(list)),
  () => isSupported(random(3) === 0 ? anything() : pick(names)),
];
/**
 * @param {unknown} fd
 * @param {number} value
 */
function called(fd, value) {
  addon.call.set([typeof fd === 'number' ? fd : -1, level(), number(), value]);
  return true;
}

/** @type {((fds: number[]) => unknown)[]} */
const NATIVE = [
  (fds) => addon.get(fdOf(fds), level(), number(), pick([length(), anything()])),
  (fds) => called(fdOf(fds), 0) && addon.getInt(),
  (fds) => called(fdOf(fds), anyInt()) && addon.setInt(),
  (fds) => addon.setBytes(fdOf(fds), level(), number(), pick([bytes(), anything()])),
  (fds) => addon.attachFilter(fdOf(fds), number(), pick([bytes(), bytes(8 * random(20)), anything()])),
  (fds) => addon.control(fdOf(fds), anyInt(), pick([bytes(), anything()]), length()),
  () => addon.get(...Array.from({ length: random(6) }, anything)),
  () => addon.setBytes(...Array.from({ length: random(6) }, anything)),
];

const before = look();
/** @type {Record<string, number>} */
const answers = {};
for (let done = 0; done < calls; ) {
  const { all, fds, close } = await sockets();
  for (let left = Math.min(500, calls - done); left > 0; left--, done++) {
    const isPublic = random(3) > 0;
    try {
      if (isPublic) pick(PUBLIC)(all);
      else pick(NATIVE)(fds);
      answers.answered = (answers.answered ?? 0) + 1;
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      // Native functions are called by this package alone, and tell what they are not given without a code.
      if (isPublic ? typeof code !== 'string' || code === 'UNKNOWN' : !(error instanceof TypeError)) {
        console.error(`call ${done}:`);
        throw error;
      }
      answers[code ?? 'TypeError'] = (answers[code ?? 'TypeError'] ?? 0) + 1;
    }
  }
  close();
  closePidfds();
}
if (look() !== before) throw new Error('a file was touched');
console.log(JSON.stringify(answers));
// A connection may be left that its options keep from ending.
process.exit();
