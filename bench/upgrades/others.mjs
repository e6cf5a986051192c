// Every way of others to upgrade a server, each as its documentation has it.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { program } from './place.mjs';
import { touch } from './ways.mjs';

/**
 * @import { ChildProcess } from 'node:child_process'
 * @import { Way } from './ways.mjs'
 */

const CLUSTER = 2;

/** @type {(tools: string) => Record<string, Way>} */
export const othersFrom = (tools) => ({
  'cluster, by hand': {
    members: CLUSTER,
    start(place) {
      const primary = place.node([program('primary.mjs')], { ipc: true });
      return { upgrade: () => primary.send('reload'), end: () => place.ended(primary, 'SIGKILL') };
    },
  },
  'pm2 reload': {
    members: CLUSTER,
    async start(place) {
      /** @param {string[]} words */
      const pm2 = (...words) =>
        promisify(execFile)(process.execPath, [join(tools, 'pm2/bin/pm2'), ...words], { env: place.env });
      await pm2('start', program('app.cjs'), '--name', 'app', '--instances', String(CLUSTER));
      return { upgrade: () => pm2('reload', 'app'), end: () => pm2('kill') };
    },
  },
  'node --watch': {
    start(place) {
      const file = place.watched();
      const watcher = place.node(['--watch', file], { quiet: true });
      return { upgrade: () => touch(file), end: () => place.ended(watcher, 'SIGTERM') };
    },
  },
  nodemon: {
    start(place) {
      const file = place.watched();
      const words = [join(tools, 'nodemon/bin/nodemon.js'), '--quiet', '--signal', 'SIGTERM', '--watch', file, file];
      const watcher = place.node(words, { quiet: true });
      return { upgrade: () => touch(file), end: () => place.ended(watcher, 'SIGTERM') };
    },
  },
  'close, then listen': {
    async start(place) {
      /** @returns {Promise<ChildProcess>} */
      const loaded = async () => {
        const child = place.node([program('steps.cjs')], { ipc: true });
        await once(child, 'message');
        return child;
      };
      let server = await loaded();
      server.send('listen');
      return {
        async upgrade() {
          const next = await loaded();
          const closed = once(server, 'message');
          server.send('close');
          await closed;
          next.send('listen');
          server = next;
        },
      };
    },
  },
  'kill, then start': {
    start(place) {
      let server = place.node([program('app.cjs')]);
      return {
        async upgrade() {
          await place.ended(server, 'SIGKILL');
          server = place.node([program('app.cjs')]);
        },
      };
    },
  },
});
