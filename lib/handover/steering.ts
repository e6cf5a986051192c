// Programs of classic BPF that say which member of a SO_REUSEPORT group gets a new connection (reuseport_select_sock()).
import { endianness } from 'node:os';
import { addon, type Handle } from '../addon.ts';
import { codeOf, systemError } from '../errors.ts';

/** struct sock_filter (include/uapi/linux/filter.h): code, jump if true, jump if false, k. */
export type Instruction = readonly [code: number, yes: number, no: number, k: number];

const { SO_ATTACH_REUSEPORT_CBPF = 0, SO_DETACH_REUSEPORT_BPF = 0, SOL_SOCKET = 0 } = addon.constants;

const LOAD_BYTE = 0x30;
const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const AND = 0x54;
const MODULO = 0x94;
const ADD = 0x04;
const IF_EQUAL = 0x15;
const IF_AT_LEAST = 0x35;
const RETURN = 0x06;
const RETURN_A = 0x16;

// SKF_AD_OFF + SKF_AD_RANDOM, and SKF_NET_OFF: what comes with a packet, and its IP header.
const RANDOM = 0xfffff000 + 56;
const IP = 0xfff00000;

// There is no such member: the kernel chooses by its hash, as without a program.
const HASH = 0xffffffff;

/** Sets an option whose value is a program. */
export function attach(socket: Handle, option: number, program: readonly Instruction[]): void {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  const isLittle = endianness() === 'LE';
  program.forEach(([code, yes, no, k], at) => {
    view.setUint16(at * 8, code, isLittle);
    view.setUint8(at * 8 + 2, yes);
    view.setUint8(at * 8 + 3, no);
    view.setUint32(at * 8 + 4, k, isLittle);
  });
  const error = addon.attachFilter(socket, option, bytes);
  if (error !== 0)
    throw systemError({ code: codeOf(error), syscall: 'setsockopt', option: 'SO_ATTACH_REUSEPORT_CBPF' });
}

/** One of so many at random; those from a place on are one further. */
function oneOf(count: number, skipped: number): Instruction[] {
  return [
    [LOAD_WORD, 0, 0, RANDOM],
    [MODULO, 0, 0, count],
    [IF_AT_LEAST, 0, 1, skipped],
    [ADD, 0, 0, 1],
    [RETURN_A, 0, 0, 0],
  ];
}

const exceptProgram = (index: number, size: number) => oneOf(size - 1, index);

/** Anybody but one member. */
export function except(socket: Handle, index: number, size: number): void {
  attach(socket, SO_ATTACH_REUSEPORT_CBPF, exceptProgram(index, size));
}

/** Anybody but one member and the last, as long as there is anybody. */
export function exceptLast(socket: Handle, index: number, size: number): void {
  const isLast = index === size - 1;
  const count = isLast ? size - 1 : size - 2;
  const program: Instruction[] = count === 0 ? [[RETURN, 0, 0, size - 1]] : oneOf(count, index);
  attach(socket, SO_ATTACH_REUSEPORT_CBPF, program);
}

/** As without a program. */
export function alwaysHash(socket: Handle): void {
  if (addon.setBytes(socket, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, new Uint8Array(4)) === 0) return;
  attach(socket, SO_ATTACH_REUSEPORT_CBPF, [[RETURN, 0, 0, HASH]]);
}

/**
 * Sends what comes from one port to a member, and leaves all else as it is: to the hash, or to anybody but a member.
 * @param family of the packets from that port
 */
export function probe(
  socket: Handle,
  family: 4 | 6,
  port: number,
  index: number,
  leaving: { readonly index: number; readonly size: number } | undefined,
): void {
  const rest: Instruction[] =
    leaving === undefined ? [[RETURN, 0, 0, HASH]] : exceptProgram(leaving.index, leaving.size);
  attach(socket, SO_ATTACH_REUSEPORT_CBPF, [
    [LOAD_BYTE, 0, 0, IP],
    [AND, 0, 0, 0xf0],
    [IF_EQUAL, 0, 3, family << 4],
    // A packet from this machine has no options in between.
    [LOAD_HALF, 0, 0, IP + (family === 6 ? 40 : 20)],
    [IF_EQUAL, 0, 1, port],
    [RETURN, 0, 0, index],
    ...rest,
  ]);
}

/** What a listener drops of TCP: whatever comes from one port. */
export const dropFrom = (port: number): Instruction[] => [
  [LOAD_HALF, 0, 0, 0],
  [IF_EQUAL, 0, 1, port],
  [RETURN, 0, 0, 0],
  [RETURN, 0, 0, 0xffffffff],
];

export const DROP_ALL: readonly Instruction[] = [[RETURN, 0, 0, 0]];
