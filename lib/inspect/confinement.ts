// What may keep this process from an address that nobody has: rules of the system on the process, and a machine around it.
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { system } from '../platform.ts';
import { printable } from '../printable.ts';

const SELINUX = '/sys/fs/selinux/enforce';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').replaceAll('\0', '').trim();
  } catch {
    return '';
  }
}

/** Of a line in /proc/self/status. */
const statusOf = (name: string) => new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(read('/proc/self/status'))?.[1];

let hasSelinux: boolean | undefined;

/** The kernel has it from its start, or never. */
function isSelinuxEnforcing(): boolean {
  hasSelinux ??= existsSync(SELINUX);
  return hasSelinux && read(SELINUX) === '1';
}

/** Whether Linux runs inside Windows, whose programs have ports that Linux does not list. */
export function isWsl(): boolean {
  return system === 'linux' && /microsoft/i.test(release());
}

/** Whether a rule may keep this process from ports that nobody has; who it is is not told to the process. */
export function isConfined(): boolean {
  // Landlock needs the first of whoever is not an administrator.
  return system === 'linux' && (statusOf('NoNewPrivs') === '1' || isSelinuxEnforcing());
}

/** What is known of the rules on this process, each of which may have refused it. */
export function confinements(): string[] {
  if (system !== 'linux') return [];
  const found: string[] = [];
  const hasModule = (name: string) => read('/sys/kernel/security/lsm').split(',').includes(name);
  if (statusOf('NoNewPrivs') === '1' || hasModule('landlock')) found.push('Landlock');
  if (isSelinuxEnforcing()) {
    const context = read('/proc/self/attr/current');
    found.push(`SELinux, which is enforcing${context === '' ? '' : ` (${printable(context)})`}`);
  }
  const profile = read('/proc/self/attr/apparmor/current');
  if (profile !== '' && profile !== 'unconfined') found.push(`AppArmor (${printable(profile)})`);
  if (statusOf('Seccomp') === '2') found.push('a seccomp filter, which this process has');
  found.push('a BPF program of its control group (SocketBindDeny= of systemd)');
  return found;
}
