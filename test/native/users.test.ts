// The names of users: what a row of /etc/passwd without a number is worth. Only Linux lets a test have a file of its own there.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { needs } from '../fixtures/needs.ts';
import { itOn } from '../fixtures/systems.ts';

const folder = mkdtempSync(join(tmpdir(), 'exactbind-passwd-'));
afterAll(() => rmSync(folder, { recursive: true }));

// The user of this process's listener, as the addon names it.
const PROGRAM = `
const addon = require('node-gyp-build')(process.cwd());
const { AF_INET, SOCK_STREAM } = addon.constants;
const socket = addon.socket(AF_INET, SOCK_STREAM);
const none = new Int32Array(1);
if (addon.bind(socket, none, '127.0.0.1', 0) !== 0 || addon.listen(socket, none, 1) !== 0) throw new Error('no listener');
const { sockets } = addon.sockets(SOCK_STREAM, addon.localPort(socket), 0xffff, 1000);
console.log(sockets[0].uid, sockets[0].user);`;

itOn('linux')('passes over rows that have no number', () => {
  needs('another /proc');
  const file = join(folder, 'passwd');
  writeFileSync(file, '+@everybody::::::\nbroken:x::0:::\nodd:x:0x0:0:::\nada:x:0:0:::\n');
  const mounted = ['sh', '-c', 'mount --bind "$0" /etc/passwd && exec "$@"', file];
  const alone = ['--mount', '--map-root-user', ...mounted];
  const { stdout, stderr } = spawnSync('unshare', [...alone, process.execPath, '-e', PROGRAM], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout).toBe('0 ada\n');
});
