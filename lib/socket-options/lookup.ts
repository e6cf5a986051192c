// Finds an option by name and turns settings into the words of a native plan (native/plan.h).
import { addon } from '../addon.ts';
import { notSupported, wrongValue } from '../errors.ts';
import { system } from '../platform.ts';
import type { Setting } from '../policy/policy.ts';
import { encode, type ValueType } from './encode.ts';
import { OPTIONS } from './table.ts';
import type { OptionName } from './values.ts';

export interface Option {
  readonly name: string;
  readonly type: ValueType;
  readonly get: boolean;
  readonly level: number;
  readonly number: number;
}

/**
 * @throws TypeError `ERR_INVALID_ARG_VALUE` for a name that no system knows
 * @throws Error `ENOTSUP` for an option that this system does not have
 */
export function optionNamed(name: string): Option {
  const row = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as OptionName] : undefined;
  if (row === undefined) throw wrongValue('option', name, 'is not a socket option known by name');
  const number = addon.constants[name];
  const level = addon.constants[row.level];
  if (number === undefined || level === undefined) {
    throw notSupported(name, `there is none on ${system}, only on ${row.os.join(' and ')}`);
  }
  return { name, type: row.type, get: row.get, level, number };
}

function words(name: string, value: unknown): number[] {
  const { level, number, type } = optionNamed(name);
  const bytes = encode(name, type, value, system);
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return [level, number, bytes.length, ...new Int32Array(padded.buffer)];
}

/** The words of a list of settings: their number, then level, option, length and value of each. */
export function settingsWords(settings: readonly (Setting | readonly [string, unknown])[]): number[] {
  return [settings.length, ...settings.flatMap(([name, value]) => words(name, value))];
}

/** The name behind a level and a number, for messages. */
export function nameOf(level: number, number: number): string {
  const { constants } = addon;
  for (const [name, row] of Object.entries(OPTIONS)) {
    if (constants[name] === number && constants[row.level] === level) return name;
  }
  return `${level}/${number}`;
}
