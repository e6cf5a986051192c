// Every way of this package to upgrade a server: how it is started, what an upgrade is, and how it is ended.
import { utimesSync } from 'node:fs';
import { BoundSocket } from 'exactbind';
import { HOST, program } from './place.mjs';

/**
 * @import { ChildProcess } from 'node:child_process'
 * @import { Place } from './place.mjs'
 *
 * @typedef {{ upgrade: () => unknown, end?: () => unknown }} Running
 * @typedef {{ members?: number, replaced?: number, start: (place: Place) => Running | Promise<Running> }} Way `members`: how
 * many serve at once; `replaced`: how many of them an upgrade replaces, all of them where it does not say
 */

const CLI = program('../../dist/cli.cjs');

/** @param {string} path */
export function touch(path) {
  const now = new Date();
  utimesSync(path, now, now);
}

/**
 * @param {Place} place
 * @param {string[]} options
 * @param {string} file
 */
function supervised(place, options, file) {
  const words = [CLI, 'run', '--port', `${HOST}:${place.port}`, ...options, '--', process.execPath, file];
  return place.node(words, { quiet: true });
}

/** @type {(file: string) => Way} */
const socketUnit = (file) => ({
  start(place) {
    const socket = new BoundSocket({ host: HOST, port: place.port });
    let service = place.activated(file, socket.fd());
    return {
      // What `systemctl restart` does: one after the other.
      async upgrade() {
        await place.ended(service, 'SIGTERM');
        service = place.activated(file, socket.fd());
      },
      end: () => socket.close(),
    };
  },
});

/** @type {Record<string, Way>} */
export const OWN = {
  'listenOrTake()': {
    start(place) {
      const upgrade = () => place.node([program('takes.mjs')]);
      upgrade();
      return { upgrade };
    },
  },
  'exactbind run, SIGHUP': {
    start(place) {
      const run = supervised(place, [], program('app.cjs'));
      return { upgrade: () => run.kill('SIGHUP'), end: () => place.ended(run, 'SIGTERM') };
    },
  },
  'exactbind run --watch': {
    start(place) {
      const file = place.watched();
      const run = supervised(place, ['--watch', file], file);
      return { upgrade: () => touch(file), end: () => place.ended(run, 'SIGTERM') };
    },
  },
  'socket unit, draining': socketUnit('inherits.mjs'),
  'reuse-port, retire()': {
    members: 2,
    replaced: 1,
    start(place) {
      const join = () => place.node([program('member.mjs')]);
      const members = [join(), join()];
      return {
        async upgrade() {
          const next = join();
          members.push(next);
          await place.crew.until('the next member', (pids) => pids.has(/** @type {number} */ (next.pid)));
          await place.ended(/** @type {ChildProcess} */ (members.shift()), 'SIGTERM');
        },
      };
    },
  },
};

/**
 * What docs/systemd.md has, beside the others: it is ours, and promises less.
 * @type {Record<string, Way>}
 */
export const LESS = { 'socket unit, close()': socketUnit('closes.mjs') };
