// A process that imports node:net, then what it is told to, and says what that took and how large it is.
import 'node:net';

const begin = process.hrtime.bigint();
await import(process.argv[2]);
const importing = Number(process.hrtime.bigint() - begin);
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ importing, cpu: (user + system) * 1000, rss: process.memoryUsage.rss() }));
