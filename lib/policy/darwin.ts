// Which options macOS needs for each sharing mode (in_pcbbind and in6_pcbbind, XNU bsd/netinet); not run on a Mac yet.
import { type Attempt, type Policy, type PolicyRequest, rawPolicy, type Setting, type Unsupported } from './policy.ts';

const ADDRESS_ON: Setting = ['SO_REUSEADDR', true];
// libuv sets SO_REUSEPORT on every UDP socket it opens on BSD systems.
const UDP_UNDO: readonly Setting[] = [
  ['SO_REUSEADDR', false],
  ['SO_REUSEPORT', false],
];

const WILDCARD =
  'macOS lets a process of the same user (or root) that sets SO_REUSEADDR bind a specific address over this wildcard ' +
  'and take its connections; bind the specific addresses you serve';

const CONNECTED =
  'macOS lets a process of the same user (or root) bind the wildcard with SO_REUSEADDR and connect() it to one peer, ' +
  'whose datagrams it then gets';

export function darwinPolicy(request: PolicyRequest): Policy | Unsupported {
  const { sharing, protocol, address, family, ipv6Only } = request;
  const undo = protocol === 'udp' ? UDP_UNDO : [];
  if (sharing === 'raw') return rawPolicy(undo);
  if (sharing === 'reuse-port') {
    return {
      unsupported: 'SO_REUSEPORT',
      reason: 'on macOS it does not spread connections: one listener of the group gets everything',
    };
  }
  const policy = { rounds: 1, undo, afterAdoption: [] } as const;
  if (sharing === 'reuse-address') {
    const attempt: Attempt = { beforeBind: [ADDRESS_ON], beforeListen: [] };
    const caveat = 'macOS lets sockets with SO_REUSEADDR hold a wildcard and its specific addresses on one port';
    return { ...policy, attempts: [attempt], exclusivity: 'partial', caveat };
  }
  // The conflict check looks at the newcomer's options, and a plain bind refuses every overlap, leftovers included:
  // telling leftovers from holders needs the list of sockets, which this version does not read.
  const plain: Attempt = { outcome: 'clean', beforeBind: [], beforeListen: [] };
  if (address === 'specific' && protocol === 'tcp') return { ...policy, attempts: [plain], exclusivity: 'full' };
  if (address === 'specific') return { ...policy, attempts: [plain], exclusivity: 'partial', caveat: CONNECTED };
  // A dual-stack :: binds over a 0.0.0.0 of anybody (the reverse fails), and port 0 on :: ignores IPv4 sockets: hold
  // the port on 0.0.0.0 first.
  const dual = family === 6 && !ipv6Only ? { guard: '0.0.0.0' } : {};
  return { ...policy, ...dual, attempts: [plain], exclusivity: 'partial', caveat: WILDCARD };
}
