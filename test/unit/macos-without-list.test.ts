// macOS 27 keeps its list of sockets back: throw-away binds in its place decide the same, on a kernel that follows the rule.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Addon } from '../../lib/addon.ts';
import { checkBindOptions } from '../../lib/bind/request.ts';
import type { Existing, Newcomer } from '../../lib/systems/system.ts';
import { ADDRESSES, type CellAddress, type CellSharing, STATES } from '../../matrix/cells.ts';
import type { PlayedSocket } from '../fixtures/plan-player.ts';

const OWN = 501;
const PORT = 3000;

/** The kernel: who is there, the oldest first; and whether it lists them. */
const kernel = vi.hoisted(() => ({
  sockets: [] as object[],
  listError: 0,
  opened: new Map<number, object>(),
  probes: 0,
  joining: undefined as object | undefined,
}));

vi.mock('../../lib/platform.ts', () => ({ system: 'darwin' }));
vi.mock('node:os', async (original) => {
  const { osOfMac } = await import('../fixtures/os-of-mac.ts');
  return osOfMac(await original<object>(), '127.0.0.1', '127.0.0.2');
});
vi.mock('../../lib/addon.ts', async () => {
  const { darwin } = await import('../../lib/systems/darwin.ts');
  const { canonical } = await import('../../lib/address.ts');
  const { DARWIN: constants, listOf, STATUS, STEPS } = await import('../fixtures/played-addon.ts');
  const { play } = await import('../fixtures/plan-player.ts');
  const status = new Int32Array(7);
  let handles = 100;
  const answer = (newcomer: Newcomer) => {
    const existing = kernel.sockets as Existing[];
    // Of several that are equally near it finds the youngest; the rule leaves that open.
    for (let from = 0; from < existing.length; from++) {
      const said = darwin.rule.bind(existing.slice(from), newcomer);
      if (said !== undefined) return said;
    }
    return 'ok';
  };
  const addon: Partial<Addon> = {
    constants,
    status,
    open(plan, host, port) {
      kernel.probes++;
      const made = new Map<PlayedSocket, Existing>();
      const forget = (socket: object | undefined) => {
        const at = socket === undefined ? -1 : kernel.sockets.indexOf(socket);
        if (at !== -1) kernel.sockets.splice(at, 1);
      };
      let ours: PlayedSocket | undefined;
      const said = play(plan, host, port, {
        chosen: PORT,
        open: () => 0,
        bind(socket, at) {
          const reuseAddress = socket.options.has(constants.SO_REUSEADDR);
          const ipv6Only = socket.options.has(constants.IPV6_V6ONLY);
          const newcomer = { ...canonical(at), ipv6Only, reuseAddress, reusePort: false, exclusive: false, uid: OWN };
          if (answer({ ...newcomer, protocol: 'tcp' }) !== 'ok') return constants.EADDRINUSE;
          const added: Existing = { ...newcomer, state: 'bound' };
          made.set(socket, added);
          kernel.sockets.push(added);
          if (socket.role === 'ours') ours = socket;
          return 0;
        },
        listen(socket) {
          (made.get(socket) as { state: string }).state = 'listening';
          if (kernel.joining !== undefined) kernel.sockets.push(kernel.joining);
          return 0;
        },
        close: (socket) => forget(made.get(socket)),
      });
      status.set(said);
      if (said[0] !== 0) return -1;
      kernel.opened.set(handles, made.get(ours as PlayedSocket) as Existing);
      return handles++;
    },
    close(handle) {
      const at = kernel.sockets.indexOf(kernel.opened.get(handle) as object);
      if (at !== -1) kernel.sockets.splice(at, 1);
      kernel.opened.delete(handle);
      return 0;
    },
    localPort: () => PORT,
    sockets() {
      const seen = (kernel.sockets as Existing[]).filter(({ uid }) => kernel.listError === 0 || uid === OWN);
      const rows = seen.map(({ address, family, ipv6Only, reuseAddress, reusePort, uid, state }) => ({
        ...{ address, family, ipv6Only, reuseAddress, reusePort, uid, isOpen: true, count: 1, pids: [] },
        state: { bound: 13, listening: 10, connected: 1, 'time-wait': 6 }[state],
        ...(state === 'connected' || state === 'time-wait' ? { remoteAddress: address, remotePort: 50_000 } : {}),
      }));
      return listOf(rows, kernel.listError);
    },
  };
  return { addon, STATUS, STEPS };
});

const { bind } = await import('../../lib/bind/socket.ts');
const { existingIn } = await import('../../matrix/predict.ts');

const MACHINE = { addresses: ADDRESSES, own: OWN, other: 502 };
const EPERM = 1;

function outcomeOf(existing: readonly Existing[], address: CellAddress, listError: number, joining?: Existing): string {
  kernel.sockets = [...existing];
  kernel.listError = listError;
  kernel.joining = joining;
  kernel.opened.clear();
  const [host, only] = address.split(' ');
  const bound = bind(checkBindOptions({ port: PORT, host, ipv6Only: only !== undefined }));
  const said = 'refusal' in bound ? bound.refusal.code : `${bound.outcome}`;
  // What was tried is gone; who was there is there.
  expect(kernel.sockets).toHaveLength(
    existing.length + ('refusal' in bound ? 0 : 1) + (joining && kernel.sockets.includes(joining) ? 1 : 0),
  );
  return said;
}

/** Every socket that the matrix can make, of three users. */
function firsts(
  sharings: readonly CellSharing[],
  states: readonly (typeof STATES.tcp)[number][],
  uids: readonly number[],
) {
  return states.flatMap((state) =>
    sharings.flatMap((sharing) =>
      ADDRESSES.flatMap((address) =>
        uids.map((uid) => ({ ...existingIn('tcp', { state, sharing, address }, MACHINE), uid })),
      ),
    ),
  );
}

beforeEach(() => {
  kernel.probes = 0;
});

describe('without the list of sockets', () => {
  it('a listener decides as with it, in every state that the matrix can make', () => {
    const states = firsts(['none', 'reuse-address', 'reuse-port', 'both'], STATES.tcp, [OWN, 502, 0]);
    const differing: string[] = [];
    const outcomes = new Map<string, number>();
    for (const one of states) {
      for (const address of ADDRESSES) {
        const [whole, hidden] = [outcomeOf([one], address, 0), outcomeOf([one], address, EPERM)];
        outcomes.set(hidden, (outcomes.get(hidden) ?? 0) + 1);
        if (whole !== hidden) differing.push(`${JSON.stringify(one)} <- ${address}: ${whole}, ${hidden}`);
      }
    }
    expect(differing).toEqual([]);
    expect(states.length * ADDRESSES.length).toBe(3528);
    // Each of the three happens.
    expect(Object.fromEntries(outcomes)).toEqual({
      clean: expect.any(Number),
      EADDRINUSE: expect.any(Number),
      'over-leftovers': expect.any(Number),
    });
  });

  it('never shares with a pair of sockets where the list would refuse', () => {
    const states = firsts(['none', 'both'], ['bound', 'listening', 'time-wait'], [OWN, 502]);
    const bolder: string[] = [];
    let stricter = 0;
    let tried = 0;
    for (const [index, one] of states.entries()) {
      for (const other of states.slice(index)) {
        for (const address of ['0.0.0.0', '127.0.0.1', '::', '::1'] as const) {
          const [whole, hidden] = [outcomeOf([one, other], address, 0), outcomeOf([one, other], address, EPERM)];
          tried++;
          if (whole === hidden) continue;
          if (hidden === 'EADDRINUSE') stricter++;
          else bolder.push(`${JSON.stringify([one, other])} <- ${address}: ${whole}, ${hidden}`);
        }
      }
    }
    expect(bolder).toEqual([]);
    // The kernel refuses 0.0.0.0 for any socket of another user on the port: on another address, or a leftover.
    expect({ tried, stricter }).toEqual({ tried: 14_280, stricter: 55 });
  });

  it('gives way to a socket that came in the same moment', () => {
    const [leftover] = firsts(['none'], ['time-wait'], [OWN]).filter(({ address }) => address === '127.0.0.1');
    const holders: [CellAddress, CellAddress][] = [
      ['127.0.0.1', '0.0.0.0'],
      ['0.0.0.0', '127.0.0.1'],
      ['0.0.0.0', '127.0.0.2'],
      ['::', '::1'],
      ['::', '127.0.0.1'],
    ];
    for (const [address, joiner] of holders) {
      const joining = {
        ...existingIn('tcp', { state: 'listening', sharing: 'reuse-address', address: joiner }, MACHINE),
      };
      const before = address === '::' ? { ...leftover, address: '127.0.0.1' } : leftover;
      expect(outcomeOf([before as Existing], address, EPERM, joining), `${joiner} beside ${address}`).toBe(
        'EADDRINUSE',
      );
      expect(outcomeOf([before as Existing], address, 0, joining), `${joiner} beside ${address}`).toBe('EADDRINUSE');
    }
  });

  it('tries nothing where nobody is in the way', () => {
    expect(outcomeOf([], '127.0.0.1', EPERM)).toBe('clean');
    expect(kernel.probes).toBe(1);
  });
});
