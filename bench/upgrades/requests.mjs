// One request after the other by one client: over a connection that it keeps, or over a new one each time.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

/**
 * @typedef {'http' | 'https' | 'http2'} Kind
 * @typedef {{ pid: number } | { code: string }} Met who has answered, or why nobody has
 * @typedef {{ ask: () => Promise<Met>, end: () => void }} Client
 */

const HOST = '127.0.0.1';
const PATIENCE = 8_000;
export const REFUSED_STREAM = 'REFUSED_STREAM';

// The certificate is of the tests, and nobody's.
const trusting = { rejectUnauthorized: false };

/** @param {string} text */
const met = (text) => (/^\d+$/.test(text) ? { pid: Number(text) } : { code: 'CUT' });

/**
 * @param {'http' | 'https'} kind
 * @param {number} port
 * @param {boolean} keepAlive
 * @returns {Client}
 */
function client1(kind, port, keepAlive) {
  const protocol = kind === 'https' ? https : http;
  const agent = new protocol.Agent({ keepAlive, maxSockets: 1 });
  const options = { ...trusting, host: HOST, port, agent, timeout: PATIENCE };
  const ask = () =>
    new Promise((/** @type {(met: Met) => void} */ resolve) => {
      /** @param {NodeJS.ErrnoException} error */
      const fail = ({ code, message }) => resolve({ code: code ?? message });
      const request = protocol.get(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('error', fail).on('end', () => resolve(met(text)));
      });
      request.on('error', fail);
      request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    });
  return { ask, end: () => agent.destroy() };
}

/**
 * @param {number} port
 * @returns {Client}
 */
function client2(port) {
  /** @type {http2.ClientHttp2Session | undefined} */
  let session;
  const connect = () => {
    const made = http2.connect(`https://${HOST}:${port}`, trusting);
    // What is asked on it fails then, and is counted there.
    made.on('error', () => {});
    return made;
  };
  const ask = () =>
    new Promise((/** @type {(met: Met) => void} */ resolve) => {
      if (session === undefined || session.closed || session.destroyed) session = connect();
      const stream = session.request({ ':path': '/' });
      let text = '';
      /** @type {NodeJS.ErrnoException | undefined} */
      let error;
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      stream.on('error', (found) => {
        error = found;
      });
      stream.on('close', () => {
        if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM) resolve({ code: REFUSED_STREAM });
        else resolve(error === undefined ? met(text) : { code: error.code ?? error.message });
      });
      stream.setTimeout(PATIENCE, () => stream.close(http2.constants.NGHTTP2_CANCEL));
      stream.end();
    });
  return { ask, end: () => session?.destroy() };
}

/**
 * @param {Kind} kind
 * @param {number} port
 * @param {boolean} keepAlive
 */
export const clientOf = (kind, port, keepAlive) => (kind === 'http2' ? client2(port) : client1(kind, port, keepAlive));
