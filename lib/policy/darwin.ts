// Which options macOS needs for each sharing mode (in_pcbbind and in6_pcbbind, XNU bsd/netinet); not run on a Mac yet.
import {
  type Attempt,
  type Policy,
  type PolicyRequest,
  type Protocol,
  rawPolicy,
  type Setting,
  type Unsupported,
} from './policy.ts';

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
  const { sharing, protocol, address, family, ipv6Only, leftovers, reserve } = request;
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
  // The conflict check looks at the newcomer's options alone: a plain bind refuses every overlap, leftovers included, and
  // one with SO_REUSEADDR next to nothing. A dual-stack :: binds over a 0.0.0.0 of anybody (the reverse fails), and port
  // 0 on :: ignores IPv4 sockets: hold the port on 0.0.0.0 first.
  const plain: Attempt = { outcome: 'clean', beforeBind: [], beforeListen: [] };
  const guard = address === 'any' && family === 6 && !ipv6Only ? { guard: '0.0.0.0' } : {};
  const exact: Policy = { ...policy, ...guard, attempts: [plain], ...promise(address, protocol) };
  // A reservation stays plain: for as long as it does not listen, nobody could tell it from a rival.
  if (protocol === 'udp' || leftovers === 'refuse' || reserve) return exact;
  const over: Attempt = { outcome: 'over-leftovers', beforeBind: [ADDRESS_ON], beforeListen: [] };
  return { ...exact, overLeftovers: { ...exact, guardOptions: [ADDRESS_ON], attempts: [over] } };
}

function promise(address: PolicyRequest['address'], protocol: Protocol): Pick<Policy, 'exclusivity' | 'caveat'> {
  if (address === 'any') return { exclusivity: 'partial', caveat: WILDCARD };
  return protocol === 'tcp' ? { exclusivity: 'full' } : { exclusivity: 'partial', caveat: CONNECTED };
}
