// Every kind of lurker: a socket that never listens, and how it comes to be where it can take what is meant for another.
/** @typedef {import('./victims.mjs').Recipe} Recipe */

/**
 * How a lurker is held (test/fixtures/hijack/attacker.c has the words).
 * @typedef {{ kind: string, name: string, bind: string, flags: string, mode: string, elsewhere: string, isRange?: boolean, seed?: { bind: string, flags: string } }} Lurker
 */

/** @type {(kind: string, name: string, bind: string, flags: string, mode?: string, elsewhere?: string) => Lurker} */
const lurker = (kind, name, bind, flags, mode = 'bound', elsewhere = '-') => ({
  kind,
  name,
  bind,
  flags,
  mode,
  elsewhere,
});

const ANY = [
  { bind: '0.0.0.0', dual: '', over: ['10.9.0.1'] },
  { bind: '::', dual: '4', over: ['10.9.0.1', 'fd00::1'] },
];

/** @param {Recipe} recipe @returns {Lurker[]} */
export function lurkersFor({ protocol, targets, host }) {
  const [target] = targets;
  const isTcp = protocol === 'tcp';
  const list = [
    lurker('B', 'SO_REUSEADDR', '0.0.0.0', 'a'),
    lurker('B', 'SO_REUSEADDR', '::', 'a4'),
    lurker('B', 'SO_REUSEADDR on the address', target, 'a'),
    lurker('B', 'both options on the address', target, 'ap'),
    lurker('B', 'SO_BINDTODEVICE lo', host.includes(':') ? '::' : '0.0.0.0', 'al'),
    lurker('M', 'multicast', '224.0.0.1', '-'),
    lurker('M', 'multicast, SO_REUSEADDR', '224.0.0.1', 'a'),
    lurker('M', 'multicast, mapped', '::ffff:224.0.0.1', '4'),
    lurker('M', 'broadcast', '127.255.255.255', '-'),
    lurker(
      'D',
      'another device',
      host.includes(':') ? '::' : '0.0.0.0',
      'd',
      isTcp ? 'bound' : 'connected',
      '10.9.0.1',
    ),
  ];
  if (isTcp) {
    // One socket with SO_REUSEPORT where it may be, and the kernel's quick check lets :: in beside ours.
    const seeds = [
      { bind: '::', flags: 'p6' },
      { bind: '0.0.0.0', flags: 'p' },
      { bind: '::', flags: 'pd4' },
    ];
    for (const seed of seeds) {
      const words = `quick check, from ${seed.bind} ${seed.flags.slice(1)}`.trim();
      list.push({ ...lurker('F', words, '::', 'p4'), seed });
      list.push({ ...lurker('F', `${words}, both options`, '::', 'ap4'), seed: { ...seed, flags: `a${seed.flags}` } });
    }
    list.push({ ...lurker('F', 'quick check, from another address', target, 'p'), seed: seeds[2] });
  }
  for (const { bind, dual, over } of ANY) {
    for (const elsewhere of over) {
      list.push(lurker('C', 'connected elsewhere', bind, `-${dual}`, 'connected', elsewhere));
      list.push(lurker('C', 'connected elsewhere, SO_REUSEADDR', bind, `a${dual}`, 'connected', elsewhere));
      if (isTcp) list.push(lurker('C', 'FIN_WAIT, SO_REUSEADDR', bind, `a${dual}`, 'fin-wait', elsewhere));
      if (isTcp) list.push(lurker('C', 'reset by its peer', bind, `a${dual}`, 'reset', elsewhere));
    }
    if (!isTcp) continue;
    list.push(lurker('B', 'an ex-listener', bind, `a${dual}`, 'ex-listener'));
    list.push(lurker('B', 'MPTCP', bind, `am${dual}`));
    if (bind === '0.0.0.0') list.push({ ...lurker('B', 'IP_LOCAL_PORT_RANGE', bind, 'ar'), isRange: true });
    if (!(bind === '0.0.0.0' && target.includes(':')))
      list.push(lurker('S', 'SYN_SENT', bind, `a${dual}`, 'syn', target));
  }
  return list;
}

/** What is to be there first. @param {Lurker} lurker @param {Recipe['protocol']} protocol @param {number} port */
export function seedLine({ seed }, protocol, port) {
  return seed && `hold ${protocol} ${seed.bind} ${port} ${seed.flags} bound -`;
}

/** @param {Lurker} lurker @param {Recipe['protocol']} protocol @param {number} port */
export function holdLine({ bind, flags, mode, elsewhere }, protocol, port) {
  return `hold ${protocol} ${bind} ${port} ${flags} ${mode} ${elsewhere}`;
}
