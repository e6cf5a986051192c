// exactbind/handover: listening sockets that go from one process to the next.
import { notSupported } from './errors.ts';

/**
 * Offers the sockets of this process to the next instance of it.
 * @throws Error `ENOTSUP`
 */
export async function offerSockets(): Promise<never> {
  throw notSupported('offerSockets', 'not built yet', 'sendmsg');
}
