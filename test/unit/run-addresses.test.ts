// The addresses of exactbind run: what a word means, and that all of them are bound, or none.
import { describe, expect, it } from 'vitest';
import { addressFrom, bindAll, pathOption } from '../../cli/run/addresses.ts';

/** A door whose sockets are written down, and of which one cannot be had. */
function doorWithout(refused: number | string) {
  const seen = { opened: [] as unknown[], closed: [] as unknown[] };
  class BoundSocket {
    readonly options: { port?: unknown; path?: string };
    constructor(options: { port?: unknown; path?: string }) {
      if (options.port === refused || options.path === refused) throw new Error('refused');
      seen.opened.push(options);
      this.options = options;
    }
    address() {
      return this.options.path ?? { port: this.options.port };
    }
    close() {
      seen.closed.push(this.options);
    }
  }
  const portRange = (first: number, last: number) => ['range', first, last];
  return { seen, door: { BoundSocket, portRange } as never };
}

describe('a word of --port', () => {
  it.each([
    ['3000', { first: 3000, last: 3000, protocol: 'tcp' }],
    ['web=[::1]:0/udp', { name: 'web', host: '::1', first: 0, last: 0, protocol: 'udp' }],
    ['127.0.0.1:1-65535', { host: '127.0.0.1', first: 1, last: 65_535 }],
  ])('%s is an address', (word, address) => {
    expect(addressFrom(word)).toMatchObject([address]);
  });

  it.each(['', 'x', '65536', '2-1', '0-5', '1-65536', 'a b=1', '1/tls'])('%j is refused', (word) => {
    expect(() => addressFrom(word)).toThrow(/An address is/);
  });
});

describe('a word of --path', () => {
  it.each([
    ['./app.sock', undefined, './app.sock'],
    ['app.sock', undefined, 'app.sock'],
    ['web=/run/app.sock', 'web', '/run/app.sock'],
    ['./a=b', undefined, './a=b'],
    ['@app', undefined, '\0app'],
    ['web=@app', 'web', '\0app'],
  ])('%s is a path', (word, name, path) => {
    expect(pathOption(word)).toEqual([{ name, path }]);
  });

  it.each(['', 'web=', 'a\0b'])('%j is refused', (word) => {
    expect(() => pathOption(word)).toThrow(/A path is/);
  });
});

describe('bindAll()', () => {
  it('asks the library for the first port of a range, once', () => {
    const { seen, door } = doorWithout('none');
    bindAll(addressFrom('3000-3002'), [], door);
    expect(seen.opened).toEqual([{ port: ['range', 3000, 3002], host: undefined, protocol: 'tcp' }]);
  });

  it.each(['./one', 4000])('closes what it has where %s cannot be had', (refused) => {
    const { seen, door } = doorWithout(refused);
    const bind = () => bindAll(addressFrom('4000', addressFrom('3000')), pathOption('./one'), door);
    expect(bind).toThrow('refused');
    expect(seen.opened.length).toBeGreaterThan(0);
    expect(seen.closed).toEqual(seen.opened);
  });
});
