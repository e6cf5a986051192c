// The server that every program of these benchmarks runs: it answers with its pid, and tells the crew when it listens.
const { readFileSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const HOST = '127.0.0.1';

/** @param {string} name */
const file = (name) => readFileSync(path.join(__dirname, '../../test/fixtures', name));
const credentials = () => ({ key: file('localhost.key'), cert: file('localhost.crt') });

/** @type {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void} */
const answer = (_, response) => void response.end(String(process.pid));

/** @type {Record<string, () => net.Server>} */
const KINDS = {
  http: () => require('node:http').createServer(answer),
  https: () => require('node:https').createServer(credentials(), answer),
  http2: () => require('node:http2').createSecureServer(credentials(), /** @type {any} */ (answer)),
};

/** One of the kind that the environment names; the driver knows it by a connection that ends with the process. */
function makeServer() {
  const server = KINDS[process.env['UPGRADES_KIND'] ?? 'http']();
  // The race of an idle connection's end with the next request is one without upgrades, too.
  Object.assign(server, { keepAliveTimeout: 30_000 });
  server.once('listening', () => {
    const crew = net.connect(/** @type {string} */ (process.env['UPGRADES_CREW']), () =>
      crew.write(`${process.pid}\n`),
    );
    crew.on('error', () => {}).unref();
  });
  return server;
}

exports.makeServer = makeServer;
exports.address = { host: HOST, port: Number(process.env['UPGRADES_PORT']) };
