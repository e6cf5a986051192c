// getOption() and its kin: the options of any socket that Node has.
import net, { type AddressInfo } from 'node:net';
import { addon, type Handle } from './addon.ts';
import { remember } from './adopt/node-cache.ts';
import { type NodeSocket, numberOfSocket } from './adopt/socket-number.ts';
import { BoundSocket } from './bound-socket.ts';
import { codeOf, outOfRange, systemError, wrongType } from './errors.ts';
import { bytesOf, readOption, setInt, writeOption } from './socket-options/access.ts';
import { nameOf } from './socket-options/lookup.ts';
import type { GettableName, OptionValues, SettableName } from './socket-options/values.ts';

/**
 * A socket whose options can be read and set: a `net.Socket` or `tls.TLSSocket`, a server (net, tls, http, https, http2), a
 * `dgram.Socket`, a BoundSocket, or a descriptor (a SOCKET on Windows).
 */
export type AnySocket = NodeSocket | BoundSocket<AddressInfo | string> | number;

/** The longest value that is read: the kernels' own limit is lower. */
const LONGEST = 65536;

function handleOf(socket: AnySocket): Handle {
  // The likeliest first: each test takes a while of what a system call does.
  if (socket instanceof net.Socket) return numberOfSocket(socket);
  return socket instanceof BoundSocket ? socket.socket() : numberOfSocket(socket);
}

/**
 * Reads a socket option by the kernel's name (getsockopt). docs/options.md lists the names, types and units.
 *
 * It uses the running system's number of the option. Units are the same everywhere: `SO_LINGER` in seconds,
 * `SO_RCVTIMEO` in milliseconds, interface indices in host order.
 * @throws TypeError `ERR_INVALID_ARG_VALUE` for an unknown name, or one that can only be set; `ERR_INVALID_ARG_TYPE`
 * @throws Error `ENOTSUP` for an option of other systems, or one that the socket's family lacks; `ENOPROTOOPT`,
 * `ENOTCONN`, … as the system answers; `EBADF`, `ENOTSOCK` for a descriptor that is not a socket;
 * `ERR_SOCKET_NO_HANDLE`
 */
export function getOption<Name extends GettableName>(socket: AnySocket, name: Name): OptionValues[Name] {
  return readOption(handleOf(socket), name);
}

/**
 * Sets a socket option by the kernel's name (setsockopt). Connections inherit it from their listener, with the
 * exceptions in docs/options.md.
 *
 * A value that the kernel would silently change is out of range. Node's `setNoDelay()`, `setKeepAlive()` and
 * `setTypeOfService()` skip the call if they believe that nothing changes; this function keeps that belief true for the
 * object that you pass.
 * @throws TypeError `ERR_INVALID_ARG_VALUE` for an unknown name, or one that can only be read; `ERR_INVALID_ARG_TYPE`;
 * RangeError `ERR_OUT_OF_RANGE`
 * @throws Error `ENOTSUP` for an option of other systems; `ENOPROTOOPT`, `EPERM`, `EINVAL`, … as the system answers;
 * `EBADF`, `ENOTSOCK`; `ERR_SOCKET_NO_HANDLE`; for a BoundSocket, what its own `setOption()` throws
 */
export function setOption<Name extends SettableName>(socket: AnySocket, name: Name, value: OptionValues[Name]): void {
  if (socket instanceof net.Socket) {
    writeOption(numberOfSocket(socket), name, value);
    remember(socket, name, value);
  } else if (socket instanceof BoundSocket) {
    socket.setOption(name, value);
  } else {
    writeOption(numberOfSocket(socket), name, value);
  }
}

function checkNumbers(numbers: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
    if ((value | 0) !== value) throw outOfRange(name, 'a 32-bit integer', value);
  }
}

/**
 * Reads an option by its numbers (from `constants`). Returns the bytes that the system wrote, at most `length`.
 *
 * The buffer that it passes to the system holds zeros. A few options read a question from that buffer, and would write
 * to an address in it; they answer nothing.
 * @param length - 0 to 65536 bytes
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; RangeError `ERR_OUT_OF_RANGE`
 * @throws Error the system's code; `ERR_SOCKET_NO_HANDLE`
 */
export function getRawOption(socket: AnySocket, level: number, option: number, length: number): Buffer {
  checkNumbers({ level, option, length });
  if (length < 0 || length > LONGEST) throw outOfRange('length', `>= 0 and <= ${LONGEST}`, length);
  const { buffer, byteOffset, length: given } = bytesOf(handleOf(socket), level, option, length, undefined);
  return Buffer.from(buffer, byteOffset, given);
}

/**
 * Sets an option by its numbers (from `constants`): to the bytes of a Buffer, or to a number as a C int.
 * @throws TypeError `ERR_INVALID_ARG_TYPE`; RangeError `ERR_OUT_OF_RANGE`
 * @throws Error the system's code; `ERR_SOCKET_NO_HANDLE`
 */
export function setRawOption(socket: AnySocket, level: number, option: number, value: Uint8Array | number): void {
  checkNumbers({ level, option, ...(typeof value === 'number' ? { value } : {}) });
  if (typeof value !== 'number' && !(value instanceof Uint8Array)) {
    throw wrongType('value', 'a number or an instance of Buffer or Uint8Array', value);
  }
  const handle = handleOf(socket);
  const error =
    typeof value === 'number' ? setInt(handle, level, option, value) : addon.setBytes(handle, level, option, value);
  if (error !== 0) {
    throw systemError({ code: codeOf(error), syscall: 'setsockopt', option: nameOf(level, option) });
  }
}
