// One address has many spellings: the policy sees through them.
// @module-tag node
// @module-tag windows
import { createServer } from 'node:net';
import { type BindOptions, BoundSocket, listen } from 'exactbind';
import { describe, expect, it } from 'vitest';
import { needs } from '../fixtures/needs.ts';
import { ownPort } from '../fixtures/ports.ts';

describe('a wildcard', () => {
  needs('IPv6');
  it.each(['::0', '0:0:0:0:0:0:0:0', '0::'])('may be written %s', (host) => {
    const options: BindOptions = { port: ownPort(), acceptPartial: true };
    using plain = new BoundSocket({ ...options, port: 0, host: '::' });
    using bound = new BoundSocket({ ...options, host });
    expect(bound.address().address).toBe('::');
    expect([bound.exclusivity, bound.caveat]).toEqual([plain.exclusivity, plain.caveat]);
    expect(() => new BoundSocket({ ...options, host: '127.0.0.1', port: bound.address().port })).toThrow('EADDRINUSE');
  });

  it('may be an IPv4-mapped one, which promises what 0.0.0.0 does', () => {
    using plain = new BoundSocket({ port: 0, host: '0.0.0.0', acceptPartial: true });
    using mapped = new BoundSocket({ port: 0, host: '::ffff:0.0.0.0', acceptPartial: true });
    // Wine writes the last groups in hexadecimal.
    expect(mapped.address().address).toMatch(/^::ffff:(0\.0\.0\.0|0:0)$/);
    expect([mapped.exclusivity, mapped.caveat]).toEqual([plain.exclusivity, plain.caveat]);
  });
});

describe('options', () => {
  class Config {
    get port() {
      return 0;
    }
    get host() {
      return '127.0.0.1';
    }
  }

  it('are taken from accessors of a class and from prototypes', async () => {
    const server = createServer();
    expect((await listen(server, new Config())).address).toBe('127.0.0.1');
    server.close();
    using bound = new BoundSocket(Object.create(new Config()));
    expect(bound.address().address).toBe('127.0.0.1');
  });

  it('are not made of what somebody added to Object.prototype', () => {
    Object.defineProperty(Object.prototype, 'polluted', { value: 1, enumerable: true, configurable: true });
    try {
      new BoundSocket({ port: 0, host: '127.0.0.1' }).close();
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted');
    }
  });
});
