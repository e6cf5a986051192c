// Finds an option by name and turns settings into the words of a native plan (native/plan.h).
import { addon } from '../addon.ts';
import { notSupported, outOfRange, wrongValue } from '../errors.ts';
import { system } from '../platform.ts';
import { didYouMean } from '../suggestions.ts';
import { encode, type ValueType } from './encode.ts';
import { ROWS } from './table.ts';

export interface Option {
  readonly name: string;
  readonly type: ValueType;
  readonly get: boolean;
  readonly set: boolean;
  readonly level: number;
  readonly number: number;
  readonly range: readonly [low: number, high: number] | undefined;
}

export type Syscall = 'getsockopt' | 'setsockopt';

/** The level of what WSAIoctl() does, which has none: native/windows/socket.cpp knows it too. */
export const IOCTL = -1;

type Row = readonly [name: string, level: string, type: ValueType | 'none', direction: string, os: string, ...string[]];

// Searching the text for a name that is used for the first time is quicker than making objects of all of it.
function rowOf(name: string): Row | undefined {
  const start = ROWS.indexOf(`\n${name} `) + 1;
  if (start === 0) return undefined;
  return ROWS.slice(start, ROWS.indexOf('\n', start)).split(' ') as unknown as Row;
}

function systemsOf(row: Row): string {
  return row[4].replaceAll(',', ' and ');
}

// SO_RCVTIMEO_NEW and SO_SNDTIMEO_NEW.
const TIME64 = [66, 67];

const known = new Map<string, Option>();

function find(name: string, syscall: Syscall): Option {
  const row = typeof name === 'string' && /^\w+$/.test(name) ? rowOf(name) : undefined;
  if (row === undefined) {
    const meant = typeof name === 'string' ? didYouMean(name, ROWS.match(/^\w+/gm) ?? []) : '';
    throw wrongValue('option', name, `is not a socket option known by name${meant}`);
  }
  const [, levelName, declared, direction, , low, high] = row;
  if (declared === 'none') {
    throw wrongValue('option', name, 'is a constant only: see constants, getRawOption() and setRawOption()');
  }
  const number = addon.constants[name];
  const level = levelName === 'WSAIoctl' ? IOCTL : addon.constants[levelName];
  if (number === undefined || level === undefined) {
    throw notSupported(name, `there is none on ${system}, only on ${systemsOf(row)}`, syscall);
  }
  // The headers of a 32-bit Linux whose time_t has 64 bits give it another number.
  const type = declared === 'timeval' && TIME64.includes(number) ? 'timeval64' : declared;
  const range = low === undefined ? undefined : ([Number(low), Number(high)] as const);
  const option = { name, type, get: direction !== 'set', set: direction !== 'get', level, number, range };
  known.set(name, option);
  return option;
}

/**
 * @throws TypeError `ERR_INVALID_ARG_VALUE` for a name that no system knows
 * @throws Error `ENOTSUP` for an option that this system does not have
 */
export function optionNamed(name: string, syscall: Syscall): Option {
  return known.get(name) ?? find(name, syscall);
}

export interface Numbers {
  readonly levelName: string;
  readonly level: number;
  readonly number: number;
  readonly direction: string;
}

/** The numbers of an option, even of one without a type; undefined where this system has none. */
export function numbersOf(name: string): Numbers | undefined {
  const row = typeof name === 'string' && /^\w+$/.test(name) ? rowOf(name) : undefined;
  if (row === undefined) return undefined;
  const [, levelName, , direction] = row;
  const number = addon.constants[name];
  const level = levelName === 'WSAIoctl' ? IOCTL : addon.constants[levelName];
  return number === undefined || level === undefined ? undefined : { levelName, level, number, direction };
}

/**
 * The bytes of a value, and the level to set them at.
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_OUT_OF_RANGE`
 */
export function encoded(
  { name, type, set, level, range }: Option,
  value: unknown,
): { level: number; bytes: Uint8Array } {
  if (!set) throw wrongValue('option', name, 'can only be read');
  const bytes = encode(name, type, value, system);
  if (range !== undefined && typeof value === 'number') checkRange(name, value, range);
  // The options that join groups of either family are at the level of the group's.
  const isOther = type.startsWith('group_') && (value as { group: string }).group.includes(':');
  return { level: isOther ? (addon.constants['IPPROTO_IPV6'] as number) : level, bytes };
}

export function checkRange(name: string, value: number, [low, high]: readonly [number, number]): void {
  if (value < low || value > high) throw outOfRange(name, `>= ${low} and <= ${high}`, value);
}

function words(name: string, value: unknown): number[] {
  const option = optionNamed(name, 'setsockopt');
  const { level, bytes } = encoded(option, value);
  if (option.type === 'program') throw wrongValue('option', name, 'is set by setOption() only');
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return [level, option.number, bytes.length, ...new Int32Array(padded.buffer)];
}

/** The words of a list of settings: their number, then level, option, length and value of each. */
export function settingsWords(settings: readonly (readonly [string, unknown])[]): number[] {
  return [settings.length, ...settings.flatMap(([name, value]) => words(name, value))];
}

/** The name behind a level and a number, for messages. */
export function nameOf(level: number, number: number): string {
  const { constants } = addon;
  for (const line of ROWS.trim().split('\n')) {
    const [name = '', levelName = ''] = line.split(' ');
    if (constants[name] === number && constants[levelName] === level) return name;
  }
  return `${level}/${number}`;
}
