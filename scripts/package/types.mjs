// TypeScript: each version with each way to resolve a package, from CommonJS and from ES modules.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { tool } from './consumer.mjs';

// With the types of Node of their time, whose own declarations are checked too.
/** @type {Record<string, string[]>} */
const VERSIONS = {
  '5.0': ['typescript@5.0.4', '@types/node@20.10.8'],
  5.4: ['typescript@5.4.5', '@types/node@20.19.30'],
  5.9: ['typescript@5.9.3', '@types/node@24.10.9'],
  7: ['typescript@7.0.2', '@types/node@24.10.9'],
};

const IMPORTS =
  "import { BoundSocket, inspectPort, listen, type SystemError, type Verdict } from 'exactbind';\nimport { offerSockets, type Succession, takeSockets } from 'exactbind/handover';\n";
const NAMESPACE = "import * as net from 'node:net';\nimport 'exactbind/register';\n";
const REQUIRED =
  "import exactbind = require('exactbind');\nimport net = require('node:net');\nimport type { SystemError, Verdict } from 'exactbind';\n" +
  "import handover = require('exactbind/handover');\nimport type { Succession } from 'exactbind/handover';\n" +
  'const { offerSockets, takeSockets } = handover;\n' +
  'const { BoundSocket, inspectPort, listen } = exactbind;\n';

/** @type {Record<string, Record<string, [file: string, module: string]>>} */
const KINDS = {
  node10: { CommonJS: ['use.ts', 'commonjs'], ESM: ['use.ts', 'es2022'] },
  node16: { CommonJS: ['use.cts', 'node16'], ESM: ['use.mts', 'node16'] },
  nodenext: { CommonJS: ['use.cts', 'nodenext'], ESM: ['use.mts', 'nodenext'] },
  bundler: { CommonJS: ['use.ts', 'preserve'], ESM: ['use.ts', 'esnext'] },
};

/** Every combination; some the compiler itself refuses. */
export const COMBINATIONS = Object.keys(VERSIONS).flatMap((version) =>
  Object.entries(KINDS).flatMap(([resolution, kinds]) =>
    Object.entries(kinds).map(([kind, [file, module]]) => ({
      ...{ version, resolution, kind, file, module },
      name: `TypeScript ${version}: ${resolution}, ${kind}`,
      isSample:
        version === '7' || (kind === 'CommonJS' && ['5.0 node10', '5.9 node16'].includes(`${version} ${resolution}`)),
    })),
  ),
);

/** @type {Record<string, string>} */
const code = { CommonJS: REQUIRED, ESM: IMPORTS + NAMESPACE };

/**
 * `ok`, or the compiler's error number where it knows no such combination.
 * @param {typeof COMBINATIONS[number]} combination
 * @param {string} installed
 * @returns {string}
 */
export function compile({ version, resolution, kind, file, module }, installed) {
  const program = tool(`types-${version}`, VERSIONS[version] ?? [], 'typescript/package.json');
  const folder = join(installed, 'types', [version, resolution, kind].join('-'));
  mkdirSync(folder, { recursive: true });
  const body = readFileSync(join(installed, 'types', 'body.txt'), 'utf8');
  writeFileSync(join(folder, file), `${code[kind]}\n${body}`);
  const compilerOptions = {
    ...{ module, moduleResolution: resolution, target: 'es2022', lib: ['es2022'], strict: true, noEmit: true },
    ...{ skipLibCheck: false, types: ['node'], typeRoots: [join(dirname(dirname(program)), '@types')] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  const words = [join(dirname(program), 'bin/tsc'), '--project', folder, '--pretty', 'false'];
  const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 });
  if (status === 0) return 'ok';
  // What is said of the settings is not about this package.
  const ofSettings = /^(?:.*tsconfig\.json.*: )?error (TS(?:5\d{3}|6046)): /m.exec(stdout);
  if (ofSettings !== null) return ofSettings[1];
  throw new Error(stdout.slice(0, 3000));
}

/**
 * What an editor offers for the options of `listen()`: each is one.
 * @param {string} installed
 */
export function completions(installed) {
  const find = createRequire(tool('types-5.9', VERSIONS['5.9'] ?? [], 'typescript/package.json'));
  // Its types are not those of the TypeScript that checks this file.
  const typescript = /** @type {any} */ (find('typescript'));
  const file = join(installed, 'completion.ts');
  const code = "import { listen } from 'exactbind';\nimport * as net from 'node:net';\nlisten(net.createServer(), { ";
  const { sys } = typescript;
  /** @param {string} name */
  const read = (name) => (name === file ? `${code} });\n` : sys.readFile(name));
  const service = typescript.createLanguageService({
    ...sys,
    useCaseSensitiveFileNames: () => sys.useCaseSensitiveFileNames,
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (/** @type {string} */ name) => read(name) && typescript.ScriptSnapshot.fromString(read(name)),
    getCurrentDirectory: () => installed,
    getCompilationSettings: () => ({ module: 199, moduleResolution: 99, strict: true }),
    getDefaultLibFileName: typescript.getDefaultLibFilePath,
  });
  const { entries } = service.getCompletionsAtPosition(file, code.length, {});
  /** @type {string[]} */
  const names = entries.map((/** @type {{ name: string }} */ { name }) => name);
  const odd = names.filter(
    (name) => !/^[a-z][A-Za-z0-9]*$/.test(name) || ['address', 'close', 'detach'].includes(name),
  );
  if (odd.length > 0 || !names.includes('port')) throw new Error(`offered: ${names.join(', ')}`);
  return `ok ${names.length} options`;
}
