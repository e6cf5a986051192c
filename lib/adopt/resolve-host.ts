// Asks the running Node which one address it would bind for a name.
import net from 'node:net';
import { notSupported } from '../errors.ts';
import { bare } from '../own.ts';

type Listen2 = (address: string | null, port: number, addressType: 4 | 6) => void;

/**
 * Resolves a name by letting a server that nobody uses run up to the point where Node would bind: what Node does with
 * several addresses differs between its versions (22 passes over link-local ones), and this is its own answer.
 * @throws Error as `dns.lookup()` has it: `ENOTFOUND`, `EAI_AGAIN`
 */
export function resolveHost(host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = new net.Server();
    (server as unknown as { _listen2: Listen2 })._listen2 = (address) => {
      if (address !== null) resolve(address);
      else reject(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND', hostname: host }));
    };
    // Only a runtime that does not call _listen2() comes so far.
    server.on('listening', () =>
      server.close(() => reject(notSupported('host', 'this runtime resolves no names here'))),
    );
    server.on('error', reject);
    // exclusive: a cluster worker would ask its primary to listen instead.
    server.listen(bare({ port: 0, host, exclusive: true }));
  });
}
