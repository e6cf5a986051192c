// Which modules of lib/ wait in a file of their own until one of their functions is called; the rest is the core.

/** By the name of the file in dist/: what others import of it. What only these import is in that file too. */
export const CHUNKS = {
  // Not errors.ts nor refusal.ts: a process that has no descriptor left could not load them, and has to say so.
  inspect: [
    'lib/bind/probe.ts',
    'lib/bind/strangers.ts',
    'lib/inspect/index.ts',
    'lib/inspect/predict.ts',
    'lib/inspect/holders.ts',
    'lib/inspect/sentence.ts',
    'lib/path-wait.ts',
    'lib/suggestions.ts',
    'lib/unix/inspect.ts',
    'lib/wait.ts',
  ],
  options: [
    'lib/adopt/node-cache.ts',
    'lib/adopt/socket-number.ts',
    'lib/peer-credentials.ts',
    'lib/raw-options.ts',
    'lib/socket-options/access.ts',
    'lib/socket-options/addresses.ts',
    'lib/socket-options/codec.ts',
    'lib/socket-options/encode.ts',
    'lib/socket-options/lookup.ts',
    'lib/socket-options/support.ts',
    'lib/tcp-info.ts',
  ],
  ports: ['lib/bind/ports.ts'],
  connect: ['lib/connect.ts', 'lib/adopt/outgoing-socket.ts'],
  inherited: ['lib/adopt/inherited.ts'],
  unix: [
    'lib/adopt/pipe.ts',
    'lib/unix/existing.ts',
    'lib/unix/file.ts',
    'lib/unix/lock.ts',
    'lib/unix/pipes.ts',
    'lib/unix/refusal.ts',
    'lib/unix/request.ts',
    'lib/unix/socket.ts',
  ],
  udp: ['lib/adopt/udp.ts', 'lib/udp.ts'],
};

/** What several of these need, and is too small to load one for the other. */
export const SHARED = ['lib/tcp-states.ts'];

/**
 * What stands on all of that: the files of each program, and what each starts with. Each program is bundled by itself; so is
 * each other entry of the package.
 * @type {Record<string, Record<string, string>>}
 */
export const PROGRAMS = {
  handover: { handover: 'lib/handover.ts', supervised: 'lib/handover/supervised.ts' },
  cli: { cli: 'cli/main.ts' },
  matrix: { matrix: 'matrix/index.ts', 'matrix-process': 'matrix/process.ts' },
};

/** The entries of the package beside index, which are programs too: `exactbind/handover`. */
export const ENTRIES = ['handover'];
