// Which of the two a caller asks for: a port, or a Unix socket.
import { checkPathOptions, type PathRequest } from '../unix/request.ts';
import { type AnyBindOptions, type BindRequest, checkRead, readBindOptions } from './request.ts';

/**
 * Reads, checks and completes the options of `new BoundSocket()`.
 * @throws what `checkBindOptions()` throws of a port, and `checkPathOptions()` of a path
 */
export function checkAnyOptions(options: AnyBindOptions): BindRequest | PathRequest {
  const read = readBindOptions(options);
  const { path } = read;
  return path === undefined ? checkRead(read) : checkPathOptions(path, read);
}
