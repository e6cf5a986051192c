// What macOS tells of this machine and this process: sysctl(8) has it, and Node has no call for it.
import { keptPorts } from '../inspect/limits.ts';
import { ask } from './ask.ts';
import type { OwnFacts, Ports } from './machine.ts';

const SETTINGS = [
  'kern.ipc.somaxconn',
  'net.inet.ip.portrange.first',
  'net.inet.ip.portrange.last',
  'net.inet.tcp.msl',
  'net.inet6.ip6.v6only',
];

/** `name: value`, a line each. Of a name that it does not know it says so on stderr, and fails after the rest. */
export function settingsIn(text: string): Record<string, string> {
  const lines = text.split('\n').flatMap((line) => {
    const [, name, value] = /^([\w.]+): (.*)$/.exec(line.trim()) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(lines);
}

/** in_pcbbind() takes them in either order. */
export function rangeOf(settings: Record<string, string>): Ports | null {
  const ends = ['first', 'last'].map((end) => Number(settings[`net.inet.ip.portrange.${end}`]));
  if (!ends.every((end) => end > 0)) return null;
  return { first: Math.min(...ends), last: Math.max(...ends) };
}

export async function darwinFacts(): Promise<OwnFacts> {
  // One call each: a name that a version does not know must not cost the others.
  const texts = await Promise.all(SETTINGS.map((name) => ask('/usr/sbin/sysctl', [name])));
  const settings = settingsIn(texts.join('\n'));
  const ephemeral = rangeOf(settings);
  return {
    ports: {
      ephemeral: { tcp: ephemeral, udp: ephemeral },
      // There is no such setting.
      reserved: [],
      excluded: { tcp: keptPorts().map((port) => ({ first: port, last: port })), udp: [] },
    },
    settings,
    process: { uid: process.geteuid?.() ?? null, capabilities: null, confinements: [] },
    sight: { hidepid: null, isFirstPidNamespace: null, container: null, isWsl: false },
  };
}
