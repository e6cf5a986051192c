// A process that imports node:net, then what it is told to, and says what that took and how large it is.
import { readFileSync } from 'node:fs';
import 'node:net';

const begin = process.hrtime.bigint();
await import(process.argv[2]);
const importing = Number(process.hrtime.bigint() - begin);
const { user, system } = process.cpuUsage();
// What no other process has: the pages of Node's own file are shared. Only Linux tells.
const rollup = process.platform === 'linux' ? readFileSync('/proc/self/smaps_rollup', 'utf8') : '';
const dirty = Number(/Private_Dirty:\s+(\d+) kB/.exec(rollup)?.[1] ?? 0) * 1024;
console.log(JSON.stringify({ importing, cpu: (user + system) * 1000, rss: process.memoryUsage.rss(), dirty }));
