// What TypeScript must accept and refuse.

import type { Socket as DatagramSocket } from 'node:dgram';
import type { Http2SecureServer } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  type BindOptions,
  type BoundSocket as Bound,
  BoundSocket,
  connect,
  constants,
  getOption,
  getPeerCredentials,
  getRawOption,
  getTcpInfo,
  inspectPort,
  inspectPortSync,
  listen,
  type PathBindOptions,
  type PathReport,
  type PortReport,
  type SocketOptions,
  setOption,
  setRawOption,
} from 'exactbind';
import { describe, expectTypeOf, it } from 'vitest';

declare const bound: Bound;

describe('options by name', () => {
  it('infer their value', () => {
    expectTypeOf(bound.getOption('TCP_NODELAY')).toEqualTypeOf<boolean>();
    expectTypeOf(bound.getOption('SO_RCVBUF')).toEqualTypeOf<number>();
    expectTypeOf(bound.getOption('SO_MAX_PACING_RATE')).toEqualTypeOf<bigint>();
    expectTypeOf(bound.getOption('TCP_CONGESTION')).toEqualTypeOf<string>();
    expectTypeOf(bound.getOption('SO_LINGER')).toEqualTypeOf<{ onoff: boolean; linger: number }>();
    expectTypeOf<SocketOptions>().toHaveProperty('TCP_DEFER_ACCEPT');
  });

  it('refuse unknown names, wrong values and reading what can only be set', () => {
    // @ts-expect-error: no such option
    bound.setOption('TCP_NO_DELAY', true);
    // @ts-expect-error: a boolean
    bound.setOption('TCP_NODELAY', 1);
    // @ts-expect-error: set only
    bound.getOption('IP_ADD_MEMBERSHIP');
    // @ts-expect-error: a number
    new BoundSocket({ socketOptions: { SO_RCVBUF: '1' } });
    // @ts-expect-error: not a sharing mode
    new BoundSocket({ sharing: 'shared' });
    // @ts-expect-error: listen() takes it
    new BoundSocket({ signal: AbortSignal.abort() });
  });
});

declare const socket: Socket;

describe('options of any socket', () => {
  it('infer their value from their name', () => {
    expectTypeOf(getOption(socket, 'TCP_NODELAY')).toEqualTypeOf<boolean>();
    expectTypeOf(getOption(socket, 'TCP_USER_TIMEOUT')).toEqualTypeOf<number>();
    expectTypeOf(getOption(socket, 'SO_RCVTIMEO')).toEqualTypeOf<number>();
    expectTypeOf(getOption(socket, 'SO_COOKIE')).toEqualTypeOf<bigint>();
    expectTypeOf(getOption(socket, 'TCP_FASTOPEN_KEY')).toEqualTypeOf<Buffer>();
    expectTypeOf(getOption(socket, 'SO_PEERGROUPS')).toEqualTypeOf<number[]>();
    expectTypeOf(getOption(socket, 'SO_PEERCRED')).toEqualTypeOf<{ pid: number; uid: number; gid: number } | null>();
    expectTypeOf(getOption(socket, 'SO_LINGER')).toEqualTypeOf<{ onoff: boolean; linger: number }>();
    setOption(socket, 'MCAST_JOIN_GROUP', { group: 'ff02::1', interface: 2 });
    setOption(socket, 'IP_MTU_DISCOVER', 'do');
    setOption(socket, 'SO_DETACH_FILTER', undefined);
  });

  it('take every kind of socket, and nothing else', () => {
    expectTypeOf(getOption)
      .parameter(0)
      .toEqualTypeOf<Socket | Server | DatagramSocket | Bound<AddressInfo | string> | number>();
    expectTypeOf<TLSSocket>().toExtend<Parameters<typeof getOption>[0]>();
    expectTypeOf<Http2SecureServer>().toExtend<Parameters<typeof getOption>[0]>();
    // @ts-expect-error: no socket
    getOption('3', 'TCP_NODELAY');
  });

  it('refuse unknown names, wrong values and the wrong direction', () => {
    // @ts-expect-error: no such option
    getOption(socket, 'TCP_NO_DELAY');
    // @ts-expect-error: a constant only
    getOption(socket, 'IP_RECVTTL');
    // @ts-expect-error: set only
    getOption(socket, 'IP_ADD_MEMBERSHIP');
    // @ts-expect-error: get only
    setOption(socket, 'SO_TYPE', 1);
    // @ts-expect-error: get only
    connect({ port: 1, socketOptions: { SO_TYPE: 1 } });
    // @ts-expect-error: a boolean
    setOption(socket, 'TCP_NODELAY', 1);
    // @ts-expect-error: a bigint
    setOption(socket, 'SO_MAX_PACING_RATE', 1);
    // @ts-expect-error: seconds are missing
    setOption(socket, 'SO_LINGER', { onoff: true });
    // @ts-expect-error: no such word
    setOption(socket, 'IP_MTU_DISCOVER', 'never');
    // @ts-expect-error: neither bytes nor a number
    setRawOption(socket, 1, 2, '3');
  });

  it('have numbers that may be missing', () => {
    expectTypeOf(constants.TCP_NODELAY).toEqualTypeOf<number | undefined>();
    expectTypeOf(constants.IP_RECVTTL).toEqualTypeOf<number | undefined>();
    expectTypeOf(getRawOption(socket, 1, 2, 4)).toEqualTypeOf<Buffer>();
    // @ts-expect-error: no such name
    constants.IP_RECV_TTL;
  });

  it('have summaries that say what may be missing', () => {
    expectTypeOf(getTcpInfo(socket).rtt).toEqualTypeOf<number | null>();
    expectTypeOf(getPeerCredentials(socket)?.pid).toEqualTypeOf<number | undefined>();
    expectTypeOf(connect({ port: 80 })).toEqualTypeOf<Socket>();
  });
});

describe('a path', () => {
  it('makes a BoundSocket whose address is a string', () => {
    const path: string = '/run/app.sock';
    expectTypeOf(new BoundSocket({ path })).toEqualTypeOf<Bound<string>>();
    expectTypeOf(new BoundSocket({ path, mode: 0o600 }).address()).toEqualTypeOf<string>();
    expectTypeOf(new BoundSocket({ port: 0 })).toEqualTypeOf<Bound>();
    expectTypeOf(new BoundSocket()).toEqualTypeOf<Bound<AddressInfo>>();
    expectTypeOf(new BoundSocket({ port: 0 }).address().port).toEqualTypeOf<number>();
    const options: BindOptions = {};
    expectTypeOf(new BoundSocket(options)).toEqualTypeOf<Bound>();
    class Own extends BoundSocket {}
    expectTypeOf(new Own({ port: 0 }).address()).toEqualTypeOf<AddressInfo>();
    // @ts-expect-error: a path has no port
    new BoundSocket({ path, port: 0 });
    // @ts-expect-error: a port has no mode
    new BoundSocket({ port: 0, mode: 0o600 });
  });

  it('is what listen() and inspectPort() give', () => {
    expectTypeOf(listen(createServer(), { path: '/run/app.sock' })).resolves.toEqualTypeOf<string>();
    expectTypeOf(
      listen(createServer(), new BoundSocket({ path: '/run/app.sock' } as PathBindOptions)),
    ).resolves.toEqualTypeOf<string>();
    expectTypeOf(listen(createServer(), bound)).resolves.toEqualTypeOf<AddressInfo>();
    expectTypeOf(inspectPort({ path: '/run/app.sock' })).resolves.toEqualTypeOf<PathReport>();
    expectTypeOf(inspectPort({ port: 80 })).resolves.toEqualTypeOf<PortReport>();
    expectTypeOf(inspectPortSync({ path: '/run/app.sock' }).bindable.exclusive).toEqualTypeOf<boolean | null>();
  });
});

describe('servers', () => {
  it('take a BoundSocket where they take a handle', () => {
    expectTypeOf(createServer().listen(bound, () => {})).toEqualTypeOf(createServer());
    expectTypeOf(listen(createServer(), 3000)).resolves.toHaveProperty('port').toEqualTypeOf<number>();
  });
});
