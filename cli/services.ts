// The port behind the name of a service: the system's own file of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE =
  process.platform === 'win32'
    ? join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'drivers', 'etc', 'services')
    : '/etc/services';

// Their ports are part of what a URL means; a small image has no such file.
const SCHEMES: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** Reads the lines `http 80/tcp www # comment`. */
export function portIn(services: string, name: string, protocol: string): number | undefined {
  for (const line of services.split('\n')) {
    const [service, place = '', ...aliases] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    const [port, its] = place.split('/');
    if (its === protocol && (service === name || aliases.includes(name))) return Number(port);
  }
  return undefined;
}

/** The port of a service; undefined if the system knows none of that name. */
export function portOfService(name: string, protocol: 'tcp' | 'udp'): number | undefined {
  let services = '';
  try {
    services = readFileSync(FILE, 'utf8');
  } catch {
    // There is none.
  }
  const found = portIn(services, name, protocol);
  if (found !== undefined || protocol === 'udp' || !Object.hasOwn(SCHEMES, name)) return found;
  return SCHEMES[name];
}
