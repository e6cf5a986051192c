// A time on the command line: milliseconds, or a number with its unit.
import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

export const TIME = 'milliseconds, or 500ms, 10s, 2m, 1h';

/** Milliseconds. */
export function timeFrom(word: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(word) ?? [];
  if (number === undefined) throw new InvalidArgumentError(`A time is ${TIME}.`);
  return Number(number) * (UNITS[unit] as number);
}

/** `10 s`, `500 ms`. */
export const seconds = (milliseconds: number): string =>
  milliseconds < 1000 ? `${milliseconds} ms` : `${Number((milliseconds / 1000).toFixed(1))} s`;
