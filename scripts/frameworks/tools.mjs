// Tools that start servers: bundlers with servers of their own, and what starts programs again.

/** @import { Framework } from './servers.mjs' */

const SERVER = "const server = createServer((_, answer) => answer.end('ok'));";
const PLAIN = 'server.listen(port);';
const API = 'await listen(server, port);';

/** From the folder of a program. */
export const MODULES = '../../node_modules';

/** @type {Framework[]} */
export const TOOLS = [
  {
    name: 'next',
    packages: ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1'],
    setup: "import next from 'next';",
    plain: '',
    api: "const app = next({ dev: true, dir: '.' }); await app.prepare(); await listen(createServer(app.getRequestHandler()), port);",
    files: { 'pages/index.js': 'export default function Page() { return "ok"; }\n' },
    command: (port) => [`${MODULES}/next/dist/bin/next`, 'dev', '--port', String(port)],
    isReplaced: true,
    recipe: '`next dev --port 3000` never moves to another port; without `--port` it takes the next one that is free.',
  },
  {
    name: 'vite',
    packages: ['vite@8.4.0'],
    isSilent: true,
    setup: "import { createServer as createVite } from 'vite';",
    plain:
      "const vite = await createVite({ server: { host: '127.0.0.1', port, strictPort: true } }); await vite.listen();",
    api: 'const vite = await createVite({ server: { middlewareMode: true, ws: false } }); await listen(createServer(vite.middlewares), port);',
    files: { 'index.html': '<!doctype html><p>ok\n' },
    recipe: '`strictPort: true` refuses a port that is taken; without it vite takes the next one that is free.',
  },
  {
    name: 'webpack-dev-server',
    packages: ['webpack-dev-server@6.1.0', 'webpack@5.113.0', 'webpack-dev-middleware@8.6.1', 'express@5.3.0'],
    node: 22,
    setup:
      "import webpack from 'webpack';\nimport DevServer from 'webpack-dev-server';\nimport middleware from 'webpack-dev-middleware';\nimport express from 'express';\nconst compiler = webpack({ mode: 'development', entry: './index.js', infrastructureLogging: { level: 'none' } });",
    plain: 'await new DevServer({ port, open: false }, compiler).start();',
    api: 'await listen(createServer(express().use(middleware(compiler))), port);',
    files: { 'index.js': "console.log('ok');\n" },
    recipe: 'A `port` is never changed; `port: "auto"` takes the next one that is free.',
  },
  {
    name: 'nodemon',
    packages: ['nodemon@3.1.14'],
    setup: SERVER,
    plain: PLAIN,
    api: 'await listen(server, { port, wait: 5_000 });',
    command: () => [`${MODULES}/nodemon/bin/nodemon.js`, '--quiet', 'server.mjs'],
    recipe: 'With `wait` a start that overlaps the end of the last one waits for it, and does not crash.',
  },
  ...[0, 2].map((instances) => ({
    name: `pm2, ${instances === 0 ? 'fork' : 'cluster'}`,
    packages: ['pm2@7.0.4'],
    setup: SERVER,
    plain: PLAIN,
    api: API,
    instances,
    recipe:
      'Set `NODE_OPTIONS` to `--require` and the full path of exactbind/register before the daemon starts: `pm2 kill`, then `pm2 start`.',
  })),
];
