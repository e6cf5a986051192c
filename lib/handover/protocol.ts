// What the two instances of a hand-over say to each other: messages of JSON, each after its length.
import { handoverError } from '../errors.ts';
import { has } from '../own.ts';
import { printable } from '../printable.ts';

/** Of the protocol: another is refused by whoever is asked. */
export const VERSION = 1;

/** Bytes of a message, without the four of its length. */
export const LONGEST = 64 * 1024;

export const HEADER = 4;

/** What a refusal says; each becomes an error of `takeSockets()`. */
export type Refused = 'BUSY' | 'FORBIDDEN' | 'PROTOCOL' | 'ECONNREFUSED' | 'ETIMEDOUT';

const REFUSED: readonly string[] = ['BUSY', 'FORBIDDEN', 'PROTOCOL', 'ECONNREFUSED', 'ETIMEDOUT'] satisfies Refused[];

interface CarriedSocket {
  readonly name: string;
  /** Connections that may wait. */
  readonly backlog: number;
  readonly outcome: string | null;
  readonly exclusivity: string;
  readonly caveat: string | null;
  /** Of a TLS server, in base64. */
  readonly ticketKeys: string | null;
}

/** A socket of an offer that has a port, as its successor needs to know it. */
export interface CarriedPort extends CarriedSocket {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  /** False of a reservation, and of UDP. */
  readonly listening: boolean;
  /** Whether a second descriptor holds the other addresses. */
  readonly guarded: boolean;
  readonly ipv6Only: boolean;
  readonly sharing: string;
  readonly leftovers: string;
  readonly acceptPartial: boolean;
}

/** The same of a Unix socket. */
export interface CarriedPath extends CarriedSocket {
  readonly protocol: 'unix';
  /** As the kernel has it: with what it was bound. */
  readonly path: string;
  /** The absolute path of its file; null of an abstract name, and of a file that another program is to remove. */
  readonly file: string | null;
  /** Device and inode of that file. */
  readonly fileId: string | null;
}

/** One socket of an offer. */
export type Carried = CarriedPort | CarriedPath;

/**
 * The new instance says hello; the old one offers, with a descriptor for its control listener and one or two for each socket.
 * When the new one is ready the old one has stopped; on commit it is draining, and at the end it has drained.
 */
export type Message =
  | { readonly type: 'hello'; readonly version: number }
  | { readonly type: 'offer'; readonly version: number; readonly sockets: readonly Carried[] }
  | { readonly type: 'ready' | 'stopped' | 'commit' | 'draining' | 'abandon' }
  | { readonly type: 'drained'; readonly closed: number }
  | { readonly type: 'refused'; readonly code: Refused; readonly reason: string };

export type MessageOf<Type extends Message['type']> = Extract<Message, { readonly type: Type }>;

type Test = (value: unknown) => boolean;

const isText: Test = (value) => typeof value === 'string';
const isFlag: Test = (value) => typeof value === 'boolean';
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const oneOf =
  (...words: unknown[]): Test =>
  (value) =>
    words.includes(value);
const orNull =
  (test: Test): Test =>
  (value) =>
    value === null || test(value);

const SOCKET = {
  name: isText,
  backlog: (value) => isCount(value) && (value as number) < 2 ** 31,
  outcome: oneOf(null, 'clean', 'over-leftovers'),
  exclusivity: oneOf('full', 'partial'),
  caveat: orNull(isText),
  ticketKeys: orNull((value) => isText(value) && Buffer.from(value as string, 'base64').length === 48),
} satisfies Record<keyof CarriedSocket, Test>;

const PORT = {
  ...SOCKET,
  protocol: oneOf('tcp', 'udp'),
  address: isText,
  family: oneOf(4, 6),
  port: (value) => isCount(value) && (value as number) <= 65535,
  listening: isFlag,
  guarded: isFlag,
  ipv6Only: isFlag,
  sharing: oneOf('exclusive', 'reuse-address', 'reuse-port', 'raw'),
  leftovers: oneOf('reuse', 'refuse'),
  acceptPartial: isFlag,
} satisfies Record<keyof CarriedPort, Test>;

const PATH = {
  ...SOCKET,
  protocol: oneOf('unix'),
  path: (value) => isText(value) && value !== '',
  file: orNull((value) => isText(value) && (value as string).startsWith('/')),
  fileId: orNull(isText),
} satisfies Record<keyof CarriedPath, Test>;

const isCarried: Test = (value) => matches(value, PORT) || matches(value, PATH);

const FIELDS: Record<Message['type'], Readonly<Record<string, Test>>> = {
  hello: { version: isCount },
  offer: { version: isCount, sockets: (value) => Array.isArray(value) && value.every(isCarried) },
  ready: {},
  stopped: {},
  commit: {},
  draining: {},
  abandon: {},
  drained: { closed: isCount },
  refused: { code: (value) => REFUSED.includes(value as string), reason: isText },
};

function matches(value: unknown, fields: Readonly<Record<string, Test>>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(fields).every(
    ([name, test]) => Object.hasOwn(value, name) && test((value as Record<string, unknown>)[name]),
  );
}

export function malformed(what: string): Error {
  return handoverError('PROTOCOL', `The other side of the hand-over does not speak its protocol: ${what}`);
}

/** @throws Error `ERR_EXACTBIND_HANDOVER_PROTOCOL` */
export function checkLength(length: number): number {
  if (length >= 2 && length <= LONGEST) return length;
  throw malformed(`a message of ${length} bytes`);
}

/** @throws Error `ERR_EXACTBIND_HANDOVER_PROTOCOL` */
export function decode(bytes: Uint8Array): Message {
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    throw malformed('a message that is no JSON');
  }
  const type = typeof found === 'object' && found !== null && has(found as { type?: unknown }, 'type');
  const name = type ? (found as { type: unknown }).type : undefined;
  if (typeof name !== 'string' || !Object.hasOwn(FIELDS, name)) throw malformed('a message of no known type');
  if (!matches(found, FIELDS[name as Message['type']]))
    throw malformed(`a message '${printable(name)}' without its fields`);
  return found as Message;
}

export function encode(message: Message): Buffer {
  const text = Buffer.from(JSON.stringify(message), 'utf8');
  const frame = Buffer.allocUnsafe(HEADER + text.length);
  frame.writeUInt32BE(checkLength(text.length), 0);
  text.copy(frame, HEADER);
  return frame;
}

/** Cuts a stream into messages. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws Error `ERR_EXACTBIND_HANDOVER_PROTOCOL` */
  push(bytes: Uint8Array): Message[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const found: Message[] = [];
    while (this.#rest.length >= HEADER) {
      const end = HEADER + checkLength(this.#rest.readUInt32BE(0));
      if (this.#rest.length < end) break;
      found.push(decode(this.#rest.subarray(HEADER, end)));
      this.#rest = this.#rest.subarray(end);
    }
    return found;
  }
}
