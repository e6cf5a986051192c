// Frameworks of servers, each a whole program: how it listens by itself, and the line that has it listen by exactbind.

/**
 * @typedef {object} Framework
 * @property {string} name
 * @property {string[]} packages - exact; the first is the framework
 * @property {string} setup - the program, but for how it listens; `port` is a number
 * @property {string} plain - how it listens by itself
 * @property {string} api - the same with exactbind
 * @property {number} [node] - the oldest major version of Node
 * @property {'tcp' | 'websocket'} [answers] - what speaks no HTTP/1.1 is connected to
 * @property {string} [path] - what answers there
 * @property {true} [isSample]
 * @property {(port: number) => string[]} [command] - what Node is given in place of the program, `server.mjs`
 * @property {true} [isReplaced] - with the API there is no command, but a program
 * @property {Record<string, string>} [files] - beside the program
 * @property {string} [recipe] - what the page says more
 * @property {true} [isSilent] - it keeps what an error says more than its message to itself
 * @property {number} [instances] - under pm2: 0 is its fork mode
 */

/** @typedef {'plain' | 'hook' | 'api'} Mode */

const GRAPHQL = 'graphql@16.15.0';
const SCHEMA = "'type Query { ok: Boolean }'";

const nest = (/** @type {string} */ adapter) => `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
${adapter === '' ? '' : `import { FastifyAdapter } from '@nestjs/platform-fastify';`}
class App {}
Module({})(App);
const app = await NestFactory.create(App${adapter}, { abortOnError: false });`;

/** @type {Framework[]} */
export const SERVERS = [
  {
    name: 'express 4',
    packages: ['express4@npm:express@4.22.3'],
    setup: "import express from 'express4';\nconst app = express().get('/', (_, answer) => answer.send('ok'));",
    plain: 'app.listen(port);',
    api: 'await listen(createServer(app), port);',
  },
  {
    name: 'express 5',
    packages: ['express@5.3.0'],
    isSample: true,
    setup: "import express from 'express';\nconst app = express().get('/', (_, answer) => answer.send('ok'));",
    // Express 5 gives the callback the error; without a callback nobody hears of it.
    plain: 'app.listen(port, (error) => { if (error) throw error; });',
    api: 'await listen(createServer(app), port);',
  },
  {
    name: 'fastify',
    packages: ['fastify@5.12.8'],
    isSample: true,
    setup: "import fastify from 'fastify';\nconst app = fastify().get('/', async () => 'ok');",
    plain: 'await app.listen({ port });',
    api: 'await app.ready(); await listen(app.server, port);',
  },
  {
    name: 'koa',
    packages: ['koa@3.3.0'],
    isSample: true,
    setup: "import Koa from 'koa';\nconst app = new Koa().use((context) => { context.body = 'ok'; });",
    plain: 'app.listen(port);',
    api: 'await listen(createServer(app.callback()), port);',
  },
  {
    name: 'hapi',
    packages: ['@hapi/hapi@21.4.10'],
    setup: "import Hapi from '@hapi/hapi';",
    plain: 'await Hapi.server({ port }).start();',
    api: 'const listener = createServer(); await Hapi.server({ listener, autoListen: false }).start(); await listen(listener, port);',
  },
  {
    name: 'hono',
    packages: ['hono@4.13.19', '@hono/node-server@2.1.9'],
    isSample: true,
    setup:
      "import { Hono } from 'hono';\nimport { createAdaptorServer, serve } from '@hono/node-server';\nconst app = new Hono().get('/', (context) => context.text('ok'));",
    plain: 'serve({ fetch: app.fetch, port });',
    api: 'await listen(createAdaptorServer({ fetch: app.fetch }), port);',
  },
  {
    name: 'nest, express',
    packages: [
      '@nestjs/core@12.5.1',
      '@nestjs/common@12.5.1',
      '@nestjs/platform-express@12.5.1',
      'reflect-metadata@0.2.2',
      'rxjs@7.8.2',
    ],
    setup: nest(''),
    plain: 'await app.listen(port);',
    api: 'await app.init(); await listen(app.getHttpServer(), port);',
  },
  {
    name: 'nest, fastify',
    packages: [
      '@nestjs/core@12.5.1',
      '@nestjs/common@12.5.1',
      '@nestjs/platform-fastify@12.5.0',
      'reflect-metadata@0.2.2',
      'rxjs@7.8.2',
    ],
    setup: nest(', new FastifyAdapter()'),
    plain: 'await app.listen(port);',
    api: 'await app.init(); await app.getHttpAdapter().getInstance().ready(); await listen(app.getHttpServer(), port);',
  },
  {
    name: 'ws',
    packages: ['ws@8.23.0'],
    answers: 'websocket',
    isSample: true,
    setup: "import { WebSocketServer } from 'ws';",
    plain: 'new WebSocketServer({ port });',
    api: 'const server = createServer(); new WebSocketServer({ server }); await listen(server, port);',
  },
  {
    name: 'socket.io',
    packages: ['socket.io@4.8.4'],
    path: '/socket.io/?EIO=4&transport=polling',
    setup: "import { Server } from 'socket.io';",
    plain: 'new Server(port);',
    api: 'const server = createServer(); new Server(server); await listen(server, port);',
  },
  {
    name: 'GraphQL Yoga',
    packages: ['graphql-yoga@5.24.1', GRAPHQL],
    setup: `import { createSchema, createYoga } from 'graphql-yoga';\nconst yoga = createYoga({ schema: createSchema({ typeDefs: ${SCHEMA} }) });`,
    plain: 'createServer(yoga).listen(port);',
    api: 'await listen(createServer(yoga), port);',
  },
  {
    name: 'Apollo Server',
    packages: ['@apollo/server@5.5.1', '@as-integrations/express5@1.1.2', 'express@5.3.0', GRAPHQL],
    setup: `import { ApolloServer } from '@apollo/server';\nimport { startStandaloneServer } from '@apollo/server/standalone';\nimport { expressMiddleware } from '@as-integrations/express5';\nimport express from 'express';\nconst server = new ApolloServer({ typeDefs: ${SCHEMA} });`,
    plain: 'await startStandaloneServer(server, { listen: { port } });',
    api: 'await server.start(); await listen(createServer(express().use(express.json(), expressMiddleware(server))), port);',
  },
  {
    name: 'grpc-js',
    packages: ['@grpc/grpc-js@1.14.7'],
    answers: 'tcp',
    isSilent: true,
    setup:
      "import net from 'node:net';\nimport { Server, ServerCredentials } from '@grpc/grpc-js';\nconst server = new Server();\nconst credentials = ServerCredentials.createInsecure();",
    plain: "server.bindAsync('0.0.0.0:' + port, credentials, (error) => { if (error) throw error; });",
    api: 'const injector = server.createConnectionInjector(credentials); await listen(net.createServer((socket) => injector.injectConnection(socket)), port);',
  },
  {
    name: 'restify',
    packages: ['restify@12.0.0'],
    node: 22,
    setup: "import restify from 'restify';\nconst server = restify.createServer();",
    plain: 'server.listen(port);',
    api: 'await listen(server.server, port);',
  },
  {
    name: 'polka',
    packages: ['polka@0.5.2'],
    isSample: true,
    setup: "import polka from 'polka';\nconst app = polka().get('/', (_, answer) => answer.end('ok'));",
    plain: 'app.listen(port);',
    api: 'await listen(createServer(app.handler), port);',
  },
  {
    name: 'http-proxy',
    packages: ['http-proxy@1.18.1'],
    setup:
      "import httpProxy from 'http-proxy';\nconst proxy = httpProxy.createProxyServer({ target: 'http://127.0.0.1:1' });\nproxy.on('error', (_error, _request, answer) => answer.end('nobody there'));",
    plain: 'proxy.listen(port);',
    api: 'await listen(createServer((request, answer) => proxy.web(request, answer)), port);',
  },
];
