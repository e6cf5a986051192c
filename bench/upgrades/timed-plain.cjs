// A plain program that tells its parent when it began to listen, and when it did.
const { address, makeServer } = require('./serve.cjs');

const server = makeServer();
const began = process.hrtime.bigint();
server.listen(address, () => process.send?.({ began, ready: process.hrtime.bigint() }));
