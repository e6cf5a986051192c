// Makes dist/ of lib/: CommonJS in few files, of which only the core is loaded at once, thin ES modules over it, and types.
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { CHUNKS, ENTRIES, PROGRAMS, SHARED } from './build/chunks.mjs';
import { entryOf, INTERNALS, splitting } from './build/split.mjs';
import { rollUp } from './build/types.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// What is there stays whole until all of it can be replaced.
const dist = join(root, 'dist');
const next = join(root, 'dist.next');

const ENTRY = 'virtual-entry.ts';

// The names are those that stack traces and util.inspect() show.
const MINIFY = { compress: true, mangle: { keepNames: true }, codegen: true };

/** @typedef {Omit<import('rolldown').OutputOptions, 'plugins'>} OutputOptions */
/** @typedef {import('rolldown').Plugin} Plugin */
/** @typedef {Map<string, Set<string>>} ModulesByFile */

/**
 * Bundles entries that are files, by name, or one of the given code; returns what it wrote.
 * @param {OutputOptions & { input: Record<string, string>, code?: string, plugins: Plugin[] }} options
 */
async function bundle({ input, code, plugins, ...output }) {
  const entry = join(root, ENTRY);
  /** @type {Plugin} */
  const virtual = {
    name: 'entry',
    resolveId: (id) => (id === ENTRY ? entry : null),
    load: (id) => (id === entry ? code : null),
  };
  // With the ends of lines that a browser counts: a policy has the hash of what it sees.
  /** @type {Plugin} */
  const text = {
    name: 'text',
    resolveId: (source, importer) =>
      source.endsWith('?raw') && importer !== undefined ? join(dirname(importer), source) : null,
    load: (id) =>
      id.endsWith('?raw')
        ? `export default ${JSON.stringify(readFileSync(id.slice(0, -'?raw'.length), 'utf8').replaceAll('\r\n', '\n'))};`
        : null,
  };
  const external = [/^node:/, 'node-gyp-build'];
  const build = await rolldown({ cwd: root, platform: 'node', external, input, plugins: [virtual, text, ...plugins] });
  /** @type {OutputOptions} */
  const options = {
    format: 'cjs',
    esModule: false,
    generatedCode: { symbols: false },
    minify: MINIFY,
    comments: false,
    entryFileNames: '[name].cjs',
  };
  const { output: files } = await build[output.dir === undefined ? 'generate' : 'write']({ ...options, ...output });
  await build.close();
  return files.filter((file) => file.type === 'chunk');
}

const chunkOf = new Map(Object.entries(CHUNKS).flatMap(([chunk, modules]) => modules.map((one) => [one, chunk])));
// By the name of the file: the modules that it holds, and those of them that other files take.
/** @type {ModulesByFile} */
const held = new Map();
const taken = new Map(
  Object.entries({ index: ['lib/adopt/hook.ts', ...SHARED], ...CHUNKS }).map(([file, own]) => [file, new Set(own)]),
);
/** @param {string} file */
const takenOf = (file) => [...(taken.get(file) ?? [])];

/** @param {string} module */
function holderOf(module) {
  if (chunkOf.has(module)) return chunkOf.get(module);
  for (const [file, modules] of held) if (modules.has(module)) return file;
  return undefined;
}

// The core is what the public names and the hook need and no chunk holds, so it is found first; then the chunks, which
// take of it; then the programs, which take of all.
/** @param {OutputOptions} output */
async function makeCore(output) {
  /** @type {Set<string>} */
  const own = new Set();
  const plugin = splitting({ root, file: 'index', holderOf, own, wanted: new Map(), outside: new Map() });
  const more = `export * from '${join(root, 'lib/index.ts')}';`;
  // A list of the package's names does not show what the other files take.
  const intro = 'let $modules;';
  const outro = `Object.defineProperty(exports, ${INTERNALS}, { value: $modules });`;
  const files = await bundle({
    input: { index: ENTRY },
    code: entryOf(root, takenOf('index'), '$modules', more),
    plugins: [plugin],
    intro,
    outro,
    ...output,
  });
  held.set('index', own);
  return files.flatMap(({ isEntry, exports }) => (isEntry ? exports : []));
}

/**
 * @param {string} name
 * @param {OutputOptions} output
 */
async function makeChunk(name, output) {
  /** @type {Set<string>} */
  const own = new Set();
  /** @type {ModulesByFile} */
  const wanted = new Map();
  const plugin = splitting({ root, file: name, holderOf, own, wanted, outside: new Map() });
  const input = { [name]: ENTRY };
  await bundle({
    input,
    code: entryOf(root, takenOf(name), 'export const modules'),
    plugins: [plugin],
    ...output,
  });
  held.set(name, own);
  note(wanted);
}

/**
 * Returns the paths of what is in it, and the names that its entries export.
 * @param {string} name
 * @param {Record<string, string>} modules - by the name of the file that starts with it
 * @param {OutputOptions} output
 */
async function makeProgram(name, modules, output) {
  /** @type {ModulesByFile} */
  const wanted = new Map();
  const others = Object.entries(PROGRAMS).flatMap(([other, input]) => (other === name ? [] : Object.entries(input)));
  const outside = new Map(others.map(([file, module]) => [module, `./${file}.cjs`]));
  outside.set('lib/index.ts', './index.cjs');
  const plugin = splitting({ root, file: name, holderOf, own: new Set(), wanted, outside });
  const input = Object.fromEntries(Object.entries(modules).map(([file, module]) => [file, join(root, module)]));
  const files = await bundle({ input, plugins: [plugin], chunkFileNames: `${name}-[name].cjs`, ...output });
  note(wanted);
  return {
    modules: files.flatMap(({ moduleIds }) => moduleIds),
    names: files.flatMap((file) => (file.isEntry && file.name === name ? file.exports : [])),
  };
}

/** @param {ModulesByFile} wanted */
function note(wanted) {
  for (const [file, modules] of wanted) for (const one of modules) taken.get(file)?.add(one);
}

// The progress bar of the command and whatever else is bundled: its licences go with it.
/** @param {string[]} modules */
function licences(modules) {
  const found = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll('\\', '/')) ?? []);
  return [...new Set(found)].sort().map((folder) => {
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    return `${folder.replace(/^.*\/node_modules\//, '')}\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
  });
}

/**
 * @param {string} file
 * @param {string[]} lines
 */
const write = (file, ...lines) => writeFileSync(join(next, file), `${lines.join('\n')}\n`);

rmSync(next, { recursive: true, force: true });
await rollUp({ root, into: next, entries: ENTRIES });

/** By entry. @type {Map<string, string[]>} */
const names = new Map();
/** @type {string[]} */
let inPrograms = [];
// Without a folder, they only find out who takes what of whom.
for (const output of [{}, { dir: next }]) {
  names.set('index', await makeCore(output));
  for (const name of Object.keys(CHUNKS)) await makeChunk(name, output);
  inPrograms = [];
  for (const [name, modules] of Object.entries(PROGRAMS)) {
    const made = await makeProgram(name, modules, output);
    inPrograms.push(...made.modules);
    if (ENTRIES.includes(name)) names.set(name, made.names);
  }
}

for (const [entry, exported] of names) {
  // createRequire() costs Node less than its search for the names of a CommonJS module; bundlers do not follow it.
  write(
    `${entry}.mjs`,
    "import { createRequire } from 'node:module';",
    `export const { ${exported.join(', ')} } = createRequire(import.meta.url)('./${entry}.cjs');`,
  );
  write(
    `bundled${entry === 'index' ? '' : `-${entry}`}.mjs`,
    `export { ${exported.join(', ')} } from './${entry}.cjs';`,
  );
  write(`${entry}.d.mts`, `export * from './${entry}.cjs';`);
}
// For --require, because on Node 20 a cluster worker loses messages that arrive while an --import is being loaded.
write(
  'register.cjs',
  `require('./index.cjs')[${INTERNALS}]['lib/adopt/hook.ts'].installHook();`,
  "if (process.env.EXACTBIND_RUN !== undefined) require('./supervised.cjs').supervise();",
);
write('register.d.cts', 'export {};');
write(
  'THIRD-PARTY-LICENSES.txt',
  licences(inPrograms)
    .join(`\n${'-'.repeat(80)}\n\n`)
    .trimEnd(),
);
// Node shows the line that threw before the error: here that is the whole file, unless this is on it (node_errors.cc).
for (const name of ['index', ...Object.keys(CHUNKS)]) {
  const file = join(next, `${name}.cjs`);
  const code = readFileSync(file, 'utf8').trimEnd();
  // The table of options has many lines, and throws what its caller has done wrong.
  if (name !== 'options' && code.includes('\n')) throw new Error(`${name}.cjs has more than one line`);
  writeFileSync(file, `${code} // node-do-not-add-exception-line\n`);
}
chmodSync(join(next, 'cli.cjs'), 0o755);

rmSync(dist, { recursive: true, force: true });
renameSync(next, dist);
