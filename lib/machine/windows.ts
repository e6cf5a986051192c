// What Windows tells of this machine: netsh has its port ranges, and no documented call has.
import { join } from 'node:path';
import type { Protocol } from '../systems/system.ts';
import { ask } from './ask.ts';
import type { OwnFacts, Ports } from './machine.ts';

/** The first port and how many: its words are in the language of the machine, its numbers are not. */
export function dynamicRangeIn(text: string): Ports | null {
  const [first, count] = [...text.matchAll(/:\s*(\d+)\s*$/gm)].map(([, number]) => Number(number));
  return first && count ? { first, last: first + count - 1 } : null;
}

/** Lines of a first and a last port, with `*` where an administrator has excluded them; null where there is no table. */
export function excludedRangesIn(text: string): Ports[] | null {
  if (!/^\s*-+\s+-+\s*$/m.test(text)) return null;
  return [...text.matchAll(/^\s*(\d+)\s+(\d+)\s*\*?\s*$/gm)].map(([, first, last]) => ({
    first: Number(first),
    last: Number(last),
  }));
}

export async function windowsFacts(): Promise<OwnFacts> {
  // Never one that lies in the current folder, or earlier on PATH.
  const netsh = join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'netsh.exe');
  const show = (what: string, protocol: Protocol) =>
    ask(netsh, ['interface', 'ipv4', 'show', what, `protocol=${protocol}`]);
  const [tcp, udp, excludedTcp, excludedUdp] = await Promise.all([
    show('dynamicportrange', 'tcp'),
    show('dynamicportrange', 'udp'),
    show('excludedportrange', 'tcp'),
    show('excludedportrange', 'udp'),
  ]);
  return {
    ports: {
      ephemeral: { tcp: dynamicRangeIn(tcp), udp: dynamicRangeIn(udp) },
      reserved: [],
      excluded: { tcp: excludedRangesIn(excludedTcp), udp: excludedRangesIn(excludedUdp) },
    },
    settings: {},
    process: { uid: null, capabilities: null, confinements: [] },
    sight: { hidepid: null, isFirstPidNamespace: null, container: null, isWsl: false },
  };
}
