// The same, loaded beforehand: it listens and closes when its parent says so.
const { address, makeServer } = require('./serve.cjs');

const server = makeServer();
process.on('message', (word) => {
  if (word === 'listen') server.listen(address);
  if (word !== 'close') return;
  server.close(() => process.exit());
  process.send?.('closed');
});
process.send?.('loaded');
