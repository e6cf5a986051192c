// Reads and sets the options of a socket whose number is known.
import { addon, type Handle } from '../addon.ts';
import { codeOf, systemError, wrongValue } from '../errors.ts';
import { system } from '../platform.ts';
import { decode, lengthOf } from './encode.ts';
import { checkRange, encoded, IOCTL, nameOf, type Option, optionNamed, type Syscall } from './lookup.ts';
import type { GettableName, OptionValues, SettableName } from './values.ts';

const { call } = addon;

/** Sets an option of four bytes; the error of the system, or 0. */
export function setInt(socket: Handle, level: number, number: number, value: number): number {
  call[0] = socket;
  call[1] = level;
  call[2] = number;
  call[3] = value;
  return addon.setInt();
}

function refused(syscall: Syscall, name: string, error: number): Error {
  return systemError({ code: codeOf(error), syscall, option: name });
}

/**
 * The bytes of an option, by its name or (for messages) without one.
 * @throws Error with the system's code
 */
export function bytesOf(
  socket: Handle,
  level: number,
  number: number,
  length: number,
  name: string | undefined,
): Uint8Array {
  const answer = addon.get(socket, level, number, length);
  if (typeof answer === 'number') throw refused('getsockopt', name ?? nameOf(level, number), answer);
  return answer;
}

const NOTHING = new Uint8Array(0);
// SIO_TCP_INFO is asked for a version of its structure, and Windows 10 knows none but the first.
const VERSIONS = [2, 1, 0].map((version) => new Uint8Array(new Uint32Array([version]).buffer));

function byControl(socket: Handle, option: Option): Uint8Array {
  const { name, type, number } = option;
  const questions = type === 'tcp_info_v1' ? VERSIONS : [NOTHING];
  let answer: Uint8Array | number = 0;
  for (const question of questions) {
    answer = addon.control(socket, number, question, lengthOf(type));
    if (typeof answer !== 'number') return answer;
  }
  throw refused('getsockopt', name, answer as number);
}

export function readOption<Name extends GettableName>(socket: Handle, name: Name): OptionValues[Name] {
  const option = optionNamed(name, 'getsockopt');
  const { type, level, number } = option;
  if (!option.get) throw wrongValue('option', name, 'can only be set');
  // Most options by far, without an array of bytes in between.
  if ((type === 'bool' || type === 'int' || type === 'uint32') && level !== IOCTL) {
    call[0] = socket;
    call[1] = level;
    call[2] = number;
    const error = addon.getInt();
    if (error !== 0) throw refused('getsockopt', name, error);
    const answer = call[3] as number;
    return (type === 'bool' ? answer !== 0 : type === 'int' ? answer : answer >>> 0) as OptionValues[Name];
  }
  const bytes = level === IOCTL ? byControl(socket, option) : bytesOf(socket, level, number, lengthOf(type), name);
  return decode(type, bytes, system) as OptionValues[Name];
}

export function writeOption<Name extends SettableName>(socket: Handle, name: Name, value: OptionValues[Name]): void {
  const option = optionNamed(name, 'setsockopt');
  const error = write(socket, option, value);
  if (error !== 0) throw refused('setsockopt', name, error);
}

function write(socket: Handle, option: Option, value: unknown): number {
  const { type, number } = option;
  if (option.set && type === 'bool' && typeof value === 'boolean') {
    return setInt(socket, option.level, number, value ? 1 : 0);
  }
  if (option.set && type === 'int' && typeof value === 'number' && (value | 0) === value) {
    if (option.range !== undefined) checkRange(option.name, value, option.range);
    return setInt(socket, option.level, number, value);
  }
  const { level, bytes } = encoded(option, value);
  if (type === 'program') return addon.attachFilter(socket, number, bytes);
  return addon.setBytes(socket, level, number, bytes);
}
