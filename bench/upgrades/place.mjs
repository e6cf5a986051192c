// Where one way of upgrading runs: its port, its folder, the crew that serves there, and how programs are started in it.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Crew } from './crew.mjs';

/**
 * @import { ChildProcess, StdioOptions } from 'node:child_process'
 * @import { Kind } from './requests.mjs'
 */

/** @param {string} name */
export const program = (name) => fileURLToPath(new URL(name, import.meta.url));

export const HOST = '127.0.0.1';

export class Place {
  crew = new Crew();

  /**
   * @param {Kind} kind
   * @param {number} port
   * @param {string} folder of its own
   */
  constructor(kind, port, folder) {
    this.port = port;
    this.folder = folder;
    this.env = {
      ...process.env,
      // What asks for `node` gets the one that is measured.
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      PORT: String(port),
      UPGRADES_KIND: kind,
      UPGRADES_PORT: String(port),
      UPGRADES_CREW: join(folder, 'crew'),
      UPGRADES_OFFER: join(folder, 'offer'),
      PM2_HOME: join(folder, 'pm2'),
      PM2_DISCRETE_MODE: 'true',
    };
  }

  async open() {
    mkdirSync(join(this.folder, 'src'), { recursive: true });
    chmodSync(this.folder, 0o700);
    await this.crew.open(this.env.UPGRADES_CREW);
  }

  /** A file that is the program app.cjs, for what watches files. */
  watched() {
    const path = join(this.folder, 'src', 'app.cjs');
    writeFileSync(path, `require(${JSON.stringify(program('app.cjs'))});\n`);
    return path;
  }

  /**
   * Starts Node; what it says is nobody's business, but for errors.
   * @param {string[]} args
   * @param {{ quiet?: boolean, ipc?: boolean }} [how]
   */
  node(args, { quiet = false, ipc = false } = {}) {
    const said = quiet && process.env['UPGRADES_LOUD'] === undefined ? 'ignore' : process.stderr;
    /** @type {StdioOptions} */
    const stdio = ipc ? ['ignore', said, said, 'ipc'] : ['ignore', said, said];
    return spawn(process.execPath, args, { env: this.env, stdio, serialization: 'advanced' });
  }

  /**
   * Starts a program with a socket, as systemd does: only it can tell a process its own number.
   * @param {string} file
   * @param {number} fd
   */
  activated(file, fd) {
    const env = { ...this.env, LISTEN_FDS: '1', LISTEN_FDNAMES: 'web' };
    const words = ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, program(file)];
    return spawn('sh', words, { env, stdio: ['ignore', 'inherit', 'inherit', fd] });
  }

  /**
   * @param {ChildProcess} child
   * @param {NodeJS.Signals} signal
   * @returns {Promise<void>}
   */
  ended(child, signal) {
    return new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve()).kill(signal);
    });
  }

  /** Ends whoever serves. */
  async clear() {
    for (const pid of this.crew.pids) process.kill(pid, 'SIGKILL');
    await this.crew.until('the end', ({ size }) => size === 0);
    this.crew.close();
  }
}
