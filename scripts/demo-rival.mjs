// Another process of the demonstration: tries to bind and listen with the options that it is given.
import { BoundSocket } from 'exactbind';

try {
  new BoundSocket(JSON.parse(process.argv[2])).close();
  process.send?.({});
} catch (error) {
  const { code, syscall } = /** @type {import('exactbind').SystemError} */ (error);
  process.send?.({ error: code, syscall });
}
