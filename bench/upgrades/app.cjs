// A program that knows nothing of this package, and ends as Node's documentation has it: close() when it is told to.
const { address, makeServer } = require('./serve.cjs');

const server = makeServer();
server.listen(address);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR2']) process.once(signal, () => server.close(() => process.exit()));
