// connect(): opens a connection whose socket has its options before the first packet is sent.
import net, { isIPv6, type NetConnectOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { openBeforeConnect } from './adopt/connection.ts';
import { wrongType, wrongValue } from './errors.ts';
import { settingsWords } from './socket-options/lookup.ts';
import type { SocketOptions } from './socket-options/values.ts';

/** What `connect()` takes: whatever `net.connect()` takes for TCP, and options for the socket. */
export interface ConnectOptions extends Omit<TcpNetConnectOpts, 'port'> {
  /** 0 to 65535, also as text. */
  port: number | string;
  /** Options to set before connect, by the kernel's name: `{ TCP_USER_TIMEOUT: 5000, SO_MARK: 7 }`. */
  socketOptions?: SocketOptions | undefined;
  /** `'mptcp'` for Multipath TCP, which Linux alone has. @defaultValue `'tcp'` */
  protocol?: 'tcp' | 'mptcp' | undefined;
}
