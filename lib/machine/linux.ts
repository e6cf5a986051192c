// What Linux tells of this machine and this process: all of it from /proc.
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { confinements, isConfined, isWsl } from '../inspect/confinement.ts';
import { containerOf } from '../inspect/containers.ts';
import type { OwnFacts, Ports } from './machine.ts';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** As sysctl(8) spells it. */
const setting = (name: string) => read(`/proc/sys/${name.replaceAll('.', '/')}`)?.replace(/\s+/g, ' ');

const SETTINGS = [
  'net.core.somaxconn',
  'net.ipv4.ip_autobind_reuse',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_nonlocal_bind',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_l3mdev_accept',
  'net.ipv4.tcp_migrate_req',
  'net.ipv4.udp_l3mdev_accept',
  'net.ipv6.bindv6only',
  'net.ipv6.conf.all.disable_ipv6',
  'net.ipv6.conf.lo.disable_ipv6',
  'net.ipv6.ip_nonlocal_bind',
];

// include/uapi/linux/capability.h
const CAPABILITIES: readonly (readonly [name: string, bit: bigint])[] = [
  ['CAP_NET_BIND_SERVICE', 10n],
  ['CAP_NET_ADMIN', 12n],
  ['CAP_NET_RAW', 13n],
  ['CAP_SYS_PTRACE', 19n],
];

function capabilities(): string[] | null {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(read('/proc/self/status') ?? '')?.[1];
  if (effective === undefined) return null;
  const bits = BigInt(`0x${effective}`);
  return CAPABILITIES.filter(([, bit]) => (bits >> bit) & 1n).map(([name]) => name);
}

/** `8080,9000-9010`, as the kernel writes bitmaps. */
function portsIn(text: string): Ports[] {
  return [...text.matchAll(/(\d+)(?:-(\d+))?/g)].map(([, first, last = first]) => ({
    first: Number(first),
    last: Number(last),
  }));
}

function range(): Ports | null {
  const [first, last] = (setting('net.ipv4.ip_local_port_range') ?? '').split(' ').map(Number);
  return first && last ? { first, last } : null;
}

// The last of several on one mount point is what is seen: proc_pid_mountinfo(5), proc(5).
function hidepid(): string | null {
  const mounts = (read('/proc/self/mountinfo') ?? '').split('\n').filter((line) => line.split(' ')[4] === '/proc');
  const found = /\bhidepid=(\w+)/.exec(mounts.at(-1) ?? '')?.[1];
  return found === undefined || found === '0' || found === 'off' ? null : found;
}

// PROC_PID_INIT_INO in include/linux/proc_ns.h
const FIRST = 'pid:[4026531836]';

function isFirstPidNamespace(): boolean | null {
  try {
    return readlinkSync('/proc/self/ns/pid') === FIRST;
  } catch {
    return null;
  }
}

// Docker and Podman leave these files at the root, whatever the control group is called inside.
const MARKS = { '/.dockerenv': 'docker', '/run/.containerenv': 'podman' };

function container(): string | null {
  const path = /^0::(.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1];
  const named = containerOf(path);
  const mark = Object.entries(MARKS).find(([file]) => existsSync(file))?.[1];
  return named ?? mark ?? null;
}

export async function linuxFacts(): Promise<OwnFacts> {
  const ephemeral = range();
  const reserved = setting('net.ipv4.ip_local_reserved_ports');
  const known = SETTINGS.flatMap((name) => {
    const value = setting(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ports: {
      ephemeral: { tcp: ephemeral, udp: ephemeral },
      reserved: reserved === undefined ? null : portsIn(reserved),
      excluded: { tcp: [], udp: [] },
    },
    settings: Object.fromEntries(known),
    process: {
      uid: process.geteuid?.() ?? null,
      capabilities: capabilities(),
      confinements: isConfined() ? confinements() : [],
    },
    sight: {
      hidepid: hidepid(),
      isFirstPidNamespace: isFirstPidNamespace(),
      container: container(),
      isWsl: isWsl(),
    },
  };
}
