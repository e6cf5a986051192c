// What TypeScript must accept and refuse.
import { createServer } from 'node:net';
import { type BoundSocket as Bound, BoundSocket, listen, type SocketOptions } from 'exactbind';
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

describe('servers', () => {
  it('take a BoundSocket where they take a handle', () => {
    expectTypeOf(createServer().listen(bound, () => {})).toEqualTypeOf(createServer());
    expectTypeOf(listen(createServer(), 3000)).resolves.toHaveProperty('port').toEqualTypeOf<number>();
  });
});
