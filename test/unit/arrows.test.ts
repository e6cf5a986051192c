// The house keeps its rules: which file may include or touch what, where conditions stand, and what each file begins with.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Files below a folder, relative to the root, with forward slashes everywhere. */
function filesIn(folder: string, pattern: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return (readdirSync(join(root, folder), { recursive: true }) as string[])
    .filter((path) => pattern.test(path) && !path.includes('node_modules'))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .sort();
}

/** A file without its comments. */
function codeOf(path: string): string {
  return read(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}

/** What stands between the quotes or angle brackets of each #include. */
function includesOf(path: string): string[] {
  return [...read(path).matchAll(/^\s*#\s*include\s*(["<][^">]+)[">]/gm)].map(([, name = '']) => name);
}

const native = filesIn('native', /\.(h|cpp)$/);
const seam = native.filter((path) => /^native\/(posix|linux|darwin|windows)\//.test(path));
const above = native.filter((path) => !seam.includes(path));
const sources = JSON.parse(read('native/sources.json')) as { napiVersion: number } & Record<string, string[]>;

// What a file of native/ may include of this project: addon, calls, then what runs plans, then the seam.
const ARROWS: Record<string, string[]> = {
  'addon.cpp': ['calls.h'],
  'calls.cpp': ['calls.h', 'plan.h', 'values.h'],
  'calls-inspect.cpp': ['calls.h', 'look.h', 'values.h'],
  'calls-watch.cpp': ['calls.h', 'os.h', 'values.h'],
  'calls-handover.cpp': ['calls.h', 'os.h', 'values.h'],
  'calls-paths.cpp': ['calls.h', 'os.h', 'values.h'],
  'calls-processes.cpp': ['calls.h', 'os.h', 'values.h'],
  'calls-notify.cpp': ['calls.h', 'os.h', 'values.h'],
  'calls-options.cpp': ['calls.h', 'os.h'],
  'calls.h': ['system.h'],
  'values.cpp': ['values.h'],
  'values.h': ['address.h'],
  'plan.cpp': ['plan.h'],
  'plan.h': ['address.h', 'os.h'],
  'look.cpp': ['look.h'],
  'look.h': ['os.h'],
  'address.cpp': ['address.h'],
  'address.h': ['system.h'],
  'os.h': ['system.h'],
  'system.h': ['constants-fallback.h'],
  'constants-fallback.h': [],
  'library.cpp': [],
  'glibc.cpp': [],
  // What CMake writes.
  'node-api.cpp': ['node-api-names.h'],
};

describe('native/', () => {
  it('includes only what lies below: addon, calls, plan, os.h, system.h', () => {
    const wrong = above.filter((path) => {
      const own = includesOf(path).filter((name) => name.startsWith('"'));
      // A new file has to be given its place in ARROWS.
      const allowed = ARROWS[basename(path)];
      return allowed === undefined || own.some((name) => !allowed.includes(name.slice(1)));
    });
    expect(wrong).toEqual([]);
  });

  it('has folders for the systems that see the seam and the system, never each other', () => {
    const wrong = seam.filter((path) => {
      const headers = filesIn(dirname(path), /\.h$/).map((header) => `"${basename(header)}`);
      const own = includesOf(path).filter((name) => name.startsWith('"'));
      return own.length === 0 || own.some((name) => name !== '"../os.h' && !headers.includes(name));
    });
    expect(wrong).toEqual([]);
  });

  it('knows Node only in addon.cpp, calls* and values.*', () => {
    const knowing = native.filter((path) =>
      includesOf(path).some((name) => /napi|node_api|node\.h|uv\.h|v8/.test(name)),
    );
    expect(knowing).toEqual(['native/calls.h', 'native/values.h']);
    const reached = native.filter((path) => includesOf(path).includes('"calls.h'));
    expect(reached).toEqual([
      'native/addon.cpp',
      'native/calls-handover.cpp',
      'native/calls-inspect.cpp',
      'native/calls-notify.cpp',
      'native/calls-options.cpp',
      'native/calls-paths.cpp',
      'native/calls-processes.cpp',
      'native/calls-watch.cpp',
      'native/calls.cpp',
    ]);
  });

  it('has conditions in system.h and the generated fallback only', () => {
    const conditional = native.filter((path) => /^\s*#\s*(if|ifdef|ifndef|elif|else)\b/m.test(read(path)));
    expect(conditional).toEqual(['native/constants-fallback.h', 'native/system.h']);
  });

  it('keeps every source in sources.json, once and for its own systems', () => {
    const { napiVersion, ...lists } = sources;
    const homes: Record<string, RegExp> = {
      all: /^native\/[^/]+$/,
      linux: /^native\/(posix|linux)\//,
      darwin: /^native\/(posix|darwin)\//,
      windows: /^native\/windows\//,
      prebuilt: /^native\/prebuilt\//,
      prebuiltGlibc: /^native\/prebuilt\//,
      prebuiltWindows: /^native\/prebuilt\//,
    };
    for (const [name, list] of Object.entries(lists)) {
      expect(new Set(list).size, name).toBe(list.length);
      for (const path of list) expect(path, name).toMatch(homes[name] as RegExp);
    }
    const listed = [...new Set(Object.values(lists).flat())].sort();
    expect(listed).toEqual(native.filter((path) => path.endsWith('.cpp')));
    expect(lists.linux?.filter((path) => path.startsWith('native/posix/')).sort()).toEqual(
      lists.darwin?.filter((path) => path.startsWith('native/posix/')).sort(),
    );
    expect(JSON.parse(read('package.json')).binary.napi_versions).toEqual([napiVersion]);
  });

  it('has every folder of the seam implement the same functions', () => {
    const declared = [...read('native/os.h').matchAll(/^(?:int|size_t) (\w+)\(/gm)].map(([, name]) => name).sort();
    for (const system of ['linux', 'darwin', 'windows']) {
      const text = (sources[system] as string[]).map(read).join('\n');
      const shared = text.replace(/^namespace \{[\s\S]*?^\} {2}\/\/ namespace$/gm, '');
      const defined = [...shared.matchAll(/^(?:int|size_t) (\w+)\(/gm)].map(([, name]) => name).sort();
      expect(defined, system).toEqual(declared);
    }
  });

  it('has tables that follow from options.json', () => {
    const args = [join(root, 'scripts/generate-options.mjs'), '--check'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

// The floors of the house, the lowest first: a file imports values from its own floor and from those below. Types may come
// from anywhere. docs/map.md says the same in words.
const FLOORS: readonly (readonly string[])[] = [
  [
    'lib/platform',
    'lib/address',
    'lib/tcp-states',
    'lib/abort',
    'lib/own',
    'lib/printable',
    'lib/suggestions',
    'lib/frames',
  ],
  ['lib/errors', 'lib/addon'],
  ['lib/options-once'],
  ['lib/numbers', 'lib/systems/'],
  ['lib/socket-list', 'lib/socket-options/'],
  ['lib/bind/', 'lib/adopt/', 'lib/inspect/', 'lib/unix/'],
  ['lib/collected'],
  ['lib/bound-socket'],
  ['lib/alarm', 'lib/connect', 'lib/port-range', 'lib/raw-options'],
  ['lib/wait', 'lib/tcp-info', 'lib/peer-credentials'],
  ['lib/path-wait'],
  ['lib/listen'],
  ['lib/udp'],
  ['lib/handover/', 'lib/machine/'],
  ['lib/handover'],
  ['lib/index', 'lib/door'],
  ['matrix/'],
  ['cli/'],
];

// Where a floor is not all there is to say: the only values that these may import from the project.
const ONLY: Readonly<Record<string, readonly string[]>> = {
  'lib/systems/linux': ['lib/address', 'lib/systems/system'],
  'lib/systems/darwin': ['lib/address', 'lib/systems/system'],
  'lib/systems/windows': ['lib/address', 'lib/systems/system'],
  'lib/systems/system': ['lib/address'],
  'matrix/': ['matrix/', 'lib/door'],
  'cli/': ['cli/', 'matrix/index', 'matrix/process', 'lib/door'],
};

const below = (path: string, places: readonly string[]) =>
  places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place));
const floorOf = (path: string) => FLOORS.findIndex((places) => below(path, places));

/** The files of the project from which one imports values, without their endings. */
function importsOf(path: string): string[] {
  const found = read(path).matchAll(
    /^(?:import|export)\s+(?!type\b)([^;]*?)\s*from\s+'(\.[^']+)'|import\s*\(\s*'(\.[^']+)'\s*\)|^import\s+(?:\w+\s*=\s*require\()?'(\.[^']+)'/gm,
  );
  const isTypesOnly = (names: string | undefined) =>
    names !== undefined &&
    /^\{[^}]*\}$/.test(names) &&
    names
      .slice(1, -1)
      .split(',')
      .every((name) => /^\s*(type\s|$)/.test(name));
  return [...found]
    .filter(([, names]) => !isTypesOnly(names))
    .map(([, , from, dynamic, required]) => join(dirname(path), (from ?? dynamic ?? required) as string))
    .map((target) => target.replaceAll('\\', '/').replace(/\.c?ts$/, ''));
}

const ours = ['lib', 'cli', 'matrix'].flatMap((folder) => filesIn(folder, /\.c?ts$/));
const without = (path: string) => path.replace(/\.c?ts$/, '');

describe('lib/, cli/ and matrix/', () => {
  it('have a floor for every file, and a file for every place on it', () => {
    expect(ours.filter((path) => floorOf(without(path)) === -1)).toEqual([]);
    const places = [...FLOORS.flat(), ...Object.keys(ONLY), ...Object.values(ONLY).flat()];
    expect(places.filter((place) => !ours.some((path) => below(without(path), [place])))).toEqual([]);
  });

  it('import values from their own floor and from those below', () => {
    const wrong = ours.flatMap((path) => {
      const own = floorOf(without(path));
      const [, only] = Object.entries(ONLY).find(([place]) => below(without(path), [place])) ?? [];
      const upwards = importsOf(path).filter((to) => floorOf(to) > own || (only !== undefined && !below(to, only)));
      return upwards.map((to) => `${path} imports ${to}`);
    });
    expect(wrong).toEqual([]);
    // Else the pattern finds nothing anywhere.
    expect(importsOf('cli/main.ts')).toContain('cli/who');
    expect(importsOf('cli/who.ts')).toContain('lib/door');
    expect(importsOf('lib/errors.ts')).toEqual(['lib/frames', 'lib/own', 'lib/platform', 'lib/suggestions']);
  });

  it('keep what is pure from knowing the process', () => {
    const pure = [...filesIn('lib/systems', /\.ts$/), 'matrix/cells.ts', 'matrix/predict.ts'];
    const knowing = pure.filter((path) => /\b(process|globalThis)\s*\./.test(codeOf(path)));
    expect(knowing).toEqual([]);
  });
});

describe('lib/', () => {
  const UNDOCUMENTED = /\.\s*_\w+|\[\s*['"`]_\w+|\{[^{}]*\b_\w+\s*[:,}][^{}]*\}\s*=|process\.binding|\bkHandle\b/;

  it('touches undocumented members of Node in adopt/ only', () => {
    const touching = filesIn('lib', /\.c?ts$/).filter((path) => UNDOCUMENTED.test(codeOf(path)));
    expect(touching.filter((path) => dirname(path) !== 'lib/adopt')).toEqual([]);
    // Else the pattern finds nothing anywhere.
    expect(touching).toContain('lib/adopt/hook.ts');
  });
});

describe('every file', () => {
  const all = [
    ...ours,
    ...native,
    ...filesIn('test', /\.(ts|[cm]?js|py|c|cpp|sh)$/),
    ...filesIn('scripts', /\.(ts|mjs|cmake|sh)$/),
    ...filesIn('bench', /\.(ts|mjs|c|cpp|py|sh)$/),
    ...filesIn('matrix', /\.mjs$/),
    ...['binding.gyp', 'CMakeLists.txt', 'vitest.config.mts'].filter((path) => existsSync(join(root, path))),
  ];

  it('begins with a sentence that says what lives there', () => {
    const missing = all.filter((path) => {
      const [line = '', next = ''] = read(path).split(/\r?\n/);
      return !/^(\/\/|\/\*|#|""") ?(\S+ ){3,}/.test(line.startsWith('#!') ? next : line);
    });
    expect(missing).toEqual([]);
  });
});
