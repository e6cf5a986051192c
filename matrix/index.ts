// Measures the bind matrix of this machine, and says beside each cell what the rule of its system predicts.
import os from 'node:os';
import { ADDRESSES, type Cell, type CellAddress, type Result, targetOf } from './cells.ts';
import type { Host } from './html/data.ts';
import { Measurement } from './measurement.ts';
import type { Script } from './other.ts';
import { Party } from './party.ts';
import { Rivals } from './rivals.ts';
import { matrixSystem } from './systems.ts';

export {
  ADDRESSES,
  agrees,
  type Cell,
  firstSockets,
  inWords,
  KEYS,
  outcomeOf,
  PROTOCOLS,
  SHARINGS,
  STATES,
  secondSockets,
} from './cells.ts';
export { machineOf, pageData } from './html/data.ts';
export { htmlOf } from './html/page.ts';
export { predict } from './predict.ts';
export { MATRIX_RULES } from './systems.ts';

/** The machine and what was measured on it. */
export interface Matrix extends Host {
  readonly cells: readonly Cell[];
}

/** What a lone socket meets that is bound to an address of this machine. */
function bindTo(address: CellAddress): Result {
  const party = new Party();
  const result = party.bind({ protocol: 'tcp', sharing: 'none', address, port: 0 });
  void party.close();
  return result;
}

/** The addresses that can be had, and why the others cannot. */
function addressesHere(): { here: readonly CellAddress[]; leftOut: Record<string, string> } {
  const results = ADDRESSES.map((address) => [address, bindTo(address)] as const);
  const bound = results.filter(([, result]) => result === 'ok').map(([address]) => address);
  const leftOut = Object.fromEntries(results.filter(([, result]) => result !== 'ok')) as Record<string, string>;
  const here = bound.filter((address) => targetOf([address], bound) !== undefined);
  for (const address of bound) if (!here.includes(address)) leftOut[address] = 'there is no address to reach it at';
  return { here, leftOut };
}

/**
 * Tries every pair of sockets, on loopback ports of its own, and returns what happened. Takes less than a minute; all that
 * it opens is closed again.
 * @param script of the other processes that it starts: a module that calls `obeyParent()`
 * @throws Error if a first socket cannot be made, as when another program takes one of the ports meanwhile
 */
export async function measureMatrix(
  script: Script,
  onCell: (done: number, total: number) => void = () => {},
): Promise<Matrix> {
  const system = matrixSystem();
  const { here, leftOut } = addressesHere();
  const rivals = new Rivals(script);
  const cells: Cell[] = [];
  try {
    await rivals.start();
    if (rivals.whyAlone !== undefined) leftOut['other-user'] = rivals.whyAlone;
    const measurement = new Measurement(system, here, rivals);
    for await (const cell of measurement.cells()) onCell(cells.push(cell), measurement.total);
  } finally {
    await rivals.end();
  }
  return {
    os: system,
    kernel: `${os.type()} ${os.release()}`,
    arch: process.arch,
    node: process.version,
    uid: process.geteuid?.() ?? null,
    leftOut,
    cells,
  };
}
