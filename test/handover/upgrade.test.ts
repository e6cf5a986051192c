// One instance takes over from the next under load: nothing fails, whatever the kind of the server.
// @module-tag node
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Instance, ownPath } from '../fixtures/handover/instance.ts';
import { type LoadOptions, startLoad } from '../fixtures/handover/load.ts';
import { describeOn } from '../fixtures/systems.ts';

const UPGRADES = Number(process.env['EXACTBIND_UPGRADES'] ?? 3);

const LOADS: [what: string, load: Omit<LoadOptions, 'port'>][] = [
  ['http, keep-alive, without a pause', { kind: 'http' }],
  ['http, keep-alive, pauses of 0, 5 and 60 ms', { kind: 'http', pauses: [0, 5, 60] }],
  ['http, a connection for each request', { kind: 'http', keepAlive: false }],
  ['https, keep-alive, pauses of 0, 5 and 60 ms', { kind: 'https', pauses: [0, 5, 60] }],
  ['http2, pauses of 0, 5 and 60 ms', { kind: 'http2', pauses: [0, 5, 60] }],
];

describeOn('linux', 'darwin')('upgrades by listenOrTake()', () => {
  describe.each(LOADS)('%s', (_, load) => {
    it(`lose no request in ${UPGRADES} upgrades`, { timeout: 60_000 + UPGRADES * 20_000 }, async () => {
      const handover = ownPath();
      const start = async (port: number) => {
        const instance = new Instance();
        const options = { port, host: '127.0.0.1', handover };
        const address = await instance.tell<AddressInfo>({ do: 'listenOrTake', kind: load.kind, options });
        return { instance, port: address.port };
      };
      let running = await start(0);
      const { port } = running;
      const seen = startLoad({ ...load, port });
      await seen.answers(200);
      for (let upgrade = 0; upgrade < UPGRADES; upgrade++) {
        const next = await start(port);
        await seen.answers(200);
        await running.instance.heard('closed');
        running = next;
      }
      await seen.stop();
      expect(seen.failed).toEqual({});
      expect(seen.instances.size).toBe(UPGRADES + 1);
      if (load.kind === 'http2') expect(seen.refused).toBeLessThan(seen.answered / 20);
    });
  });
});
