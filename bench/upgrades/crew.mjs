// Who serves at the moment: each process says so on a connection, which ends with the process.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';

const PATIENCE = 60_000;

export class Crew {
  /** @type {Set<number>} */
  pids = new Set();
  #changes = new EventEmitter();
  #server = createServer((socket) => {
    let pid = 0;
    socket.once('data', (bytes) => {
      pid = Number(String(bytes));
      this.pids.add(pid);
      this.#changes.emit('change');
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      this.pids.delete(pid);
      this.#changes.emit('change');
    });
  });

  /** @param {string} path */
  async open(path) {
    await once(this.#server.listen(path), 'listening');
  }

  close() {
    this.#server.close();
  }

  /**
   * @param {string} what
   * @param {(pids: Set<number>) => boolean} isSo
   */
  async until(what, isSo) {
    const signal = AbortSignal.timeout(PATIENCE);
    while (!isSo(this.pids)) {
      await once(this.#changes, 'change', { signal }).catch(() => {
        throw new Error(`${what}: not within ${PATIENCE} ms, there are ${[...this.pids].join(', ') || 'none'}`);
      });
    }
  }

  /**
   * Until as many serve as before, and so many of them are new.
   * @param {Set<number>} before
   */
  turnover(before, fresh = before.size) {
    const isNew = (/** @type {number} */ pid) => !before.has(pid);
    return this.until('the next ones', (pids) => pids.size === before.size && [...pids].filter(isNew).length === fresh);
  }
}
