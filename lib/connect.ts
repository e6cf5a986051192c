// connect(): opens a connection whose socket has its options before the first packet is sent.
import { isIP, type Socket, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { addon } from './addon.ts';
import { type Outgoing, OutgoingSocket } from './adopt/outgoing-socket.ts';
import { requireNetPermission } from './adopt/permission.ts';
import { checkPort, readSocketOptions } from './bind/request.ts';
import { BoundSocket } from './bound-socket.ts';
import { incompatible, notSupported, wrongType, wrongValue } from './errors.ts';
import { type Names, type Read, readAll, readOnce } from './options-once.ts';
import { own } from './own.ts';
import { system } from './platform.ts';
import { settingsWords } from './socket-options/lookup.ts';
import type { SocketOptions } from './socket-options/values.ts';

/** Options of `connect()`: those of `net.connect()` for TCP, and those to set before connect. */
export interface ConnectOptions extends Omit<TcpNetConnectOpts, 'port'> {
  port: number | string;
  /** Options to set before connect, by the kernel's name: `{ TCP_USER_TIMEOUT: 5000, SO_MARK: 7 }`. */
  socketOptions?: SocketOptions | undefined;
  /** Multipath TCP; only on Linux. @defaultValue false */
  mptcp?: boolean | undefined;
  /**
   * A reservation (`new BoundSocket({ port, reserve: true })`) to connect from, with its address and port or not at
   * all. `connect()` uses it up: from then on the connection owns the socket, and any failure closes it.
   *
   * Of a name, it uses one address of the reservation's family. A reservation on `::` connects to both families.
   */
  from?: BoundSocket | undefined;
}

function protocolOf(mptcp: unknown): number {
  if (mptcp === undefined || mptcp === false) return 0;
  if (mptcp !== true) throw wrongType('options.mptcp', 'of type boolean', mptcp);
  const number = addon.constants['IPPROTO_MPTCP'];
  if (number === undefined) throw notSupported('IPPROTO_MPTCP', `there is none on ${system}`, 'socket');
  return number;
}

function entriesOf(options: unknown): [string, unknown][] {
  if (options === undefined) return [];
  return readSocketOptions(options as object).filter(([, value]) => value !== undefined);
}

// What net.Socket and its connect() read: own properties, even if undefined, keep them from reading Object.prototype.
const NODES = {
  port: true,
  host: true,
  localAddress: true,
  localPort: true,
  family: true,
  hints: true,
  lookup: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: true,
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: true,
  timeout: true,
  allowHalfOpen: true,
  readable: true,
  writable: true,
  signal: true,
  onread: true,
  fd: true,
} satisfies Names<TcpNetConnectOpts>;

/** Ours, and what only Node's other connections have. */
const NAMES = { ...NODES, socketOptions: true, mptcp: true, from: true, path: true, handle: true } as const;
type Given = { readonly [Name in keyof typeof NAMES]?: unknown };

/** Whose address a connection is to have, before any of them is taken. */
function checkFrom(from: unknown, others: Readonly<Record<string, unknown>>): BoundSocket | undefined {
  if (from === undefined) return undefined;
  if (!(from instanceof BoundSocket)) throw wrongType('options.from', 'an instance of BoundSocket', from);
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined && value !== false) throw incompatible('from', name);
  }
  return from;
}

/** The options and whatever else an agent passes on, each read once. */
function readConnectOptions(options: object): Record<keyof typeof NAMES, unknown> {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'of type object', options);
  const others = readAll(options, NAMES);
  return { ...Object.fromEntries(others), ...readOnce<Given>(options, NAMES) } as Record<keyof typeof NAMES, unknown>;
}

/**
 * Opens a TCP connection, sets `socketOptions` before it binds and connects the socket, and returns the `net.Socket`
 * like `net.connect()`. If Node tries several addresses of a name, each gets its own socket with the same options.
 *
 * If an option is refused, it makes no attempt: nothing is sent without the option. The socket then emits 'error' with
 * `syscall` `'setsockopt'` and `option`; after several addresses, an AggregateError of these.
 *
 * With `from`, the connection comes from the reservation's address and port. An attempt that cannot use them fails.
 *
 * It binds `localAddress` and `localPort` after it has set the options and, unlike `net.connect()`, without
 * SO_REUSEADDR. You can pass it as the `createConnection` of an http request or agent.
 * @example connect({ host: 'example.org', port: 80, socketOptions: { TCP_USER_TIMEOUT: 5000 } })
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INCOMPATIBLE_OPTION_PAIR`; RangeError
 * `ERR_OUT_OF_RANGE`, `ERR_SOCKET_BAD_PORT`; after these, the reservation is still yours
 * @throws Error `ENOTSUP` naming the option that this system lacks; `ERR_SOCKET_HANDLE_ADOPTED` for a reservation that
 * is used or closed; `ERR_ACCESS_DENIED` under `--permission` without `--allow-net`
 */
export function connect(options: ConnectOptions, connectListener?: () => void): Socket {
  const read = readConnectOptions(options);
  const { socketOptions, mptcp, from, path, ...more } = read;
  const { localAddress, localPort, ...rest } = more as unknown as Read<TcpNetConnectOpts>;
  if (path !== undefined && path !== null) throw wrongValue('options.path', path, 'is for net.connect()');
  if (localAddress !== undefined && isIP(localAddress) === 0) {
    throw wrongValue('options.localAddress', localAddress, 'must be an IP address');
  }
  const entries = entriesOf(socketOptions);
  const outgoing = {
    protocol: protocolOf(mptcp),
    options: entries,
    settings: new Int32Array(settingsWords(entries)),
    localAddress,
    localPort: checkPort(localPort ?? 0),
  };
  const reserved = checkFrom(from, { localAddress, localPort, mptcp });
  const port = checkPort(rest.port);
  requireNetPermission(rest.host ?? '');
  const node = { ...rest, path: undefined, localAddress: undefined, localPort: undefined };
  // Nothing of ours is thrown once it is taken.
  const reservation = reserved?.takeReservation();
  const socket = openSocket(node as SocketConstructorOpts, { ...outgoing, from: reservation });
  if (rest.timeout !== undefined) socket.setTimeout(rest.timeout);
  // As Node does with a local address: it fits one family only.
  const single = localAddress === undefined && reservation === undefined ? {} : { autoSelectFamily: false };
  const family = rest.family || reservation?.family;
  const target = { ...node, ...single, family, port };
  try {
    return socket.connect(target as unknown as TcpNetConnectOpts, connectListener);
  } catch (error) {
    // What Node refuses before it has an attempt to make.
    reservation?.close();
    throw error;
  }
}

function openSocket(options: SocketConstructorOpts, outgoing: Outgoing): OutgoingSocket {
  try {
    return new OutgoingSocket(options, outgoing);
  } catch (error) {
    outgoing.from?.close();
    throw error;
  }
}

/** The target of an agent. */
export interface ConnectorTarget extends Omit<ConnectionOptions, 'host' | 'port'> {
  protocol?: string | null | undefined;
  host?: string | null | undefined;
  hostname?: string | undefined;
  port?: number | string | null | undefined;
}

const TARGET = { protocol: true, host: true, hostname: true, port: true, servername: true } as const;

export type ConnectorCallback = (error: Error | null, socket?: Socket | TLSSocket) => void;

const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

function protocolOfAgent(agent: unknown): string {
  const isAgent = typeof agent === 'object' && agent !== null;
  return (isAgent ? readOnce<{ protocol?: string }>(agent, { protocol: true }).protocol : undefined) ?? 'http:';
}

/**
 * Returns a function that connects for agents, with the same options each time, and with TLS if the target's protocol
 * is `https:`. Use it as the `connect` of an undici Agent, or the `createConnection` of an http or https Agent.
 * @example new Agent({ connect: connector({ socketOptions: { TCP_USER_TIMEOUT: 5000 } }) })
 * @throws when the agent connects, whatever `connect()` throws: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`,
 * `ERR_OUT_OF_RANGE`, `ENOTSUP`, `ERR_ACCESS_DENIED`
 */
export function connector(
  options: Omit<ConnectOptions, 'port' | 'host' | 'from'>,
): (this: unknown, target: ConnectorTarget, callback: ConnectorCallback) => void {
  const read = readConnectOptions(options) as unknown as ConnectOptions;
  return function (this: unknown, target, callback) {
    const asked = readOnce<Pick<ConnectorTarget, keyof typeof TARGET>>(target, TARGET);
    const protocol = asked.protocol ?? protocolOfAgent(this);
    const host = asked.hostname ?? asked.host ?? 'localhost';
    // An empty one is the protocol's own.
    const port = asked.port || own(DEFAULT_PORTS, protocol) || '';
    let socket: Socket;
    let isFinished = false;
    // Both of an encrypted connection's sockets tell of an error.
    const finish: ConnectorCallback = (error, made) => {
      socket.off('error', finish);
      if (!isFinished) callback(error, made);
      isFinished = true;
    };
    socket = connect({ ...read, host: host.replace(/^\[|\]$/g, ''), port }, () => {
      if (protocol !== 'https:') finish(null, socket);
      else secure(socket, host, { ...target, servername: asked.servername }, finish);
    });
    socket.once('error', finish);
  };
}

// Not before it is connected: Node may have tried several addresses, each with a handle of its own.
function secure(socket: Socket, host: string, target: ConnectorTarget, finish: ConnectorCallback): void {
  const { servername = isIP(host) === 0 ? host : undefined } = target;
  const tls = process.getBuiltinModule('node:tls');
  const encrypted = tls.connect({ ...(target as ConnectionOptions), ...(servername ? { servername } : {}), socket });
  const onError = (error: Error) => finish(error);
  encrypted.once('error', onError);
  encrypted.once('secureConnect', () => {
    encrypted.off('error', onError);
    finish(null, encrypted);
  });
}
