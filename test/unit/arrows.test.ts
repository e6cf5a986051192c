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
  'calls-inspect.cpp': ['calls.h', 'os.h', 'values.h'],
  'calls-watch.cpp': ['calls.h', 'os.h', 'values.h'],
  'calls-options.cpp': ['calls.h', 'os.h'],
  'calls.h': ['system.h'],
  'values.cpp': ['values.h'],
  'values.h': ['address.h'],
  'plan.cpp': ['plan.h'],
  'plan.h': ['address.h', 'os.h'],
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
      'native/calls-inspect.cpp',
      'native/calls-options.cpp',
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

// Import directions are Biome's (biome.json); this is about names, in whatever way they are reached.
describe('lib/', () => {
  const UNDOCUMENTED = /\.\s*_\w+|\[\s*['"`]_\w+|\{[^{}]*\b_\w+\s*[:,}][^{}]*\}\s*=|process\.binding|\bkHandle\b/;

  it('touches undocumented members of Node in adopt/ only', () => {
    const code = (path: string) => read(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    const touching = filesIn('lib', /\.c?ts$/).filter((path) => UNDOCUMENTED.test(code(path)));
    expect(touching.filter((path) => dirname(path) !== 'lib/adopt')).toEqual([]);
    // Else the pattern finds nothing anywhere.
    expect(touching).toContain('lib/adopt/hook.ts');
  });
});

describe('every file', () => {
  const ours = [
    ...filesIn('lib', /\.c?ts$/),
    ...native,
    ...filesIn('test', /\.(ts|[cm]?js|py|c|cpp|sh)$/),
    ...filesIn('scripts', /\.(ts|mjs|cmake|sh)$/),
    ...filesIn('bench', /\.(ts|mjs|c|cpp|py|sh)$/),
    ...['binding.gyp', 'CMakeLists.txt', 'vitest.config.ts'].filter((path) => existsSync(join(root, path))),
  ];

  it('begins with a sentence that says what lives there', () => {
    const without = ours.filter((path) => {
      const [line = '', next = ''] = read(path).split(/\r?\n/);
      return !/^(\/\/|\/\*|#|""") ?(\S+ ){3,}/.test(line.startsWith('#!') ? next : line);
    });
    expect(without).toEqual([]);
  });
});
