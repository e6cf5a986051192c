// A process that imports node:net, then the modules it is given, perhaps listens, and says what that took and how large it is.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const [, , specifier, listens] = process.argv;
const begin = process.hrtime.bigint();
const { listen } = await import(specifier);
if (listens !== undefined) {
  const server = createServer();
  const options = { port: 0, host: '127.0.0.1' };
  if (listen === undefined) await once(server.listen(options), 'listening');
  else await listen(server, options);
  server.close();
}
const importing = Number(process.hrtime.bigint() - begin);
const { user, system } = process.cpuUsage();
// What no other process has: the pages of Node's own file are shared. Only Linux tells.
const rollup = process.platform === 'linux' ? readFileSync('/proc/self/smaps_rollup', 'utf8') : '';
const dirty = Number(/Private_Dirty:\s+(\d+) kB/.exec(rollup)?.[1] ?? 0) * 1024;
console.log(JSON.stringify({ importing, cpu: (user + system) * 1000, rss: process.memoryUsage.rss(), dirty }));
