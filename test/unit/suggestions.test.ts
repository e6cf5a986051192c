// What somebody probably meant.
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { didYouMean, optionsIn, serverOf } from '../../lib/suggestions.ts';

const NAMES = ['port', 'host', 'ipv6Only', 'sharing', 'leftovers', 'socketOptions'];

describe('a name', () => {
  it.each([
    ['sharng', 'sharing'],
    ['shairng', 'sharing'],
    ['leftover', 'leftovers'],
    ['ipv6only', 'ipv6Only'],
    ['socket_options', 'socketOptions'],
    ['prot', 'port'],
    ['Host', 'host'],
  ])('%s is nearly %s', (name, meant) => expect(didYouMean(name, NAMES)).toBe(`: did you mean '${meant}'?`));

  it.each(['', 'x', 'ports3000', 'cert', 'keepAlive'])('%s is nearly none', (name) => {
    expect(didYouMean(name, NAMES)).toBe('');
  });
});

describe('an app', () => {
  const express = Object.assign(() => {}, { handle: () => {}, listen: () => {} });

  it.each<[name: string, app: unknown, server: string | undefined]>([
    ['of Express', express, 'http.createServer(app)'],
    ['of Koa', { callback: () => () => {}, listen: () => {} }, 'http.createServer(app.callback())'],
    ['of Fastify', { server: createServer(), listen: () => {} }, 'app.server'],
    ['of Hapi', { listener: createServer() }, 'app.listener'],
    ['of Hono', { fetch: () => {} }, 'http.createServer(getRequestListener(app.fetch)), of @hono/node-server'],
    ['that is none', { port: 3000 }, undefined],
    ['that is nothing', null, undefined],
  ])('%s is made a server', (_, app, server) => expect(serverOf(app)).toBe(server));
});

describe('an address', () => {
  it.each<[text: unknown, options: string | undefined]>([
    ['http://localhost:3000/path', "{ port: 3000, host: 'localhost' }"],
    ['https://example.org', "{ port: 443, host: 'example.org' }"],
    ['tcp://0.0.0.0:3000', "{ port: 3000, host: '0.0.0.0' }"],
    ['udp://0.0.0.0:53', "{ port: 53, host: '0.0.0.0', protocol: 'udp' }"],
    ['http://[::1]:3000', "{ port: 3000, host: '::1' }"],
    ['localhost:3000', "{ port: 3000, host: 'localhost' }"],
    [':3000', '{ port: 3000 }'],
    ['*:3000', '{ port: 3000 }'],
    [new URL('http://localhost:3000'), "{ port: 3000, host: 'localhost' }"],
    ['3000', undefined],
    ['three thousand', undefined],
    ['localhost:99999', undefined],
    [3000, undefined],
  ])('%s stands for %s', (text, options) => expect(optionsIn(text)).toBe(options));
});
