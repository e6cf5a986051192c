// A plugin that cuts lib/ into files: what another file holds is required from there by a literal path, when it is called.
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { parseSync } from 'rolldown/utils';

/** Where the core keeps what other files take of it: not a name that anybody sees. */
export const INTERNALS = "Symbol.for('exactbind.internals')";

/** @typedef {{ functions: Map<string, number | undefined>, others: string[] }} Exports */

/** @type {Map<string, Exports>} */
const parsed = new Map();

/**
 * The name that a declaration gives.
 * @param {{ type: string, name?: string } | null} id
 */
function nameIn(id) {
  if (id?.name === undefined) throw new Error(`an export by ${id?.type} has no name of its own`);
  return id.name;
}

/**
 * The functions that a module exports, with the number of their parameters, and the names of all else.
 * @param {string} path
 */
function exportsOf(path) {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const { program } = parseSync(path, readFileSync(path, 'utf8'));
  /** @type {Exports} */
  const found = { functions: new Map(), others: [] };
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration' || statement.exportKind === 'type') continue;
    const { declaration } = statement;
    if (declaration === null) throw new Error(`${path} exports what it does not declare`);
    if (declaration.type === 'FunctionDeclaration') {
      const isPlain = declaration.params.every((one) => ['Identifier', 'AssignmentPattern'].includes(one.type));
      found.functions.set(nameIn(declaration.id), isPlain ? declaration.params.length : undefined);
    } else if (declaration.type === 'VariableDeclaration') {
      if (declaration.kind !== 'const') throw new Error(`${path} exports a variable that changes`);
      found.others.push(...declaration.declarations.map(({ id }) => nameIn(id)));
    } else if (declaration.type === 'ClassDeclaration') {
      found.others.push(nameIn(declaration.id));
    }
  }
  parsed.set(path, found);
  return found;
}

/**
 * An entry that gives `target` what other files take, by module.
 * @param {string} root
 * @param {string[]} modules
 * @param {string} target
 */
export function entryOf(root, modules, target, more = '') {
  const imports = modules.map((module, index) => `import * as m${index} from '${resolve(root, module)}';`);
  const members = modules.map((module, index) => {
    const { functions, others } = exportsOf(resolve(root, module));
    const names = [...functions.keys(), ...others].map((name) => `${name}: m${index}.${name}`);
    return `'${module}': { ${names.join(', ')} },`;
  });
  return [...imports, more, `${target} = {`, ...members, '};'].join('\n');
}

// Arguments are passed on one by one where that is possible: collecting them takes as long as some of the calls.
/**
 * @param {string} expression
 * @param {Exports} exports
 */
function stub(expression, { functions }) {
  const lines = [...functions].map(([name, count]) => {
    const given = count === undefined ? '...all' : Array.from({ length: count }, (_, index) => `a${index}`).join(', ');
    return `export function ${name}(${given}) { return loaded().${name}(${given}); }`;
  });
  return ['let found;', `const loaded = () => (found ??= ${expression});`, ...lines].join('\n');
}

/**
 * @param {string} expression
 * @param {Exports} exports
 */
function taken(expression, { functions, others }) {
  return `export const { ${[...functions.keys(), ...others].join(', ')} } = ${expression};`;
}

/**
 * @param {object} build
 * @param {string} build.root - of the repository
 * @param {string} build.file - the name of the file that is built
 * @param {(module: string) => string | undefined} build.holderOf - the name of the file that holds a module, where another does
 * @param {ReadonlyMap<string, string>} build.outside - what stands in place of a module that is a file of its own
 * @param {Set<string>} build.own - the modules that are built into this file; filled here
 * @param {Map<string, Set<string>>} build.wanted - the modules that are taken of other files; filled here
 * @returns {import('rolldown').Plugin}
 */
export function splitting({ root, file, holderOf, own, wanted, outside }) {
  return {
    name: 'split',
    resolveId(source, importer) {
      if (importer?.startsWith('\0')) return { id: source, external: true };
      if (importer === undefined || !/^\.{1,2}\/.*\.ts$|^\/.*\.ts$/.test(source)) return null;
      const path = resolve(dirname(importer), source);
      const module = relative(root, path).split(sep).join('/');
      const other = outside.get(module);
      if (other !== undefined) return { id: other, external: true };
      const holder = holderOf(module);
      if (holder === undefined || holder === file) {
        own.add(module);
        return path;
      }
      wanted.set(holder, (wanted.get(holder) ?? new Set()).add(module));
      return `\0${holder}:${path}`;
    },
    // What would make an ES module of a builtin is copied into every file, and copies the builtin.
    transform(code, id) {
      if (!id.endsWith('.ts')) return null;
      return code.replace(/^import (\w+)(?:, (\{[^}]*\}))? from '(node:[\w/]+)';$/gm, (_, name, names, module) => {
        const others = names === undefined ? '' : `import ${names} from '${module}';`;
        return `const ${name} = require('${module}');${others}`;
      });
    },
    load(id) {
      const [, holder, path = ''] = /^\0([a-z-]+):(.*)$/s.exec(id) ?? [];
      if (holder === undefined) return null;
      const found = exportsOf(path);
      const module = relative(root, path).split(sep).join('/');
      if (holder === 'index') return taken(`require('./index.cjs')[${INTERNALS}]['${module}']`, found);
      const expression = `require('./${holder}.cjs').modules['${module}']`;
      // A constant cannot wait: the core does without, and every other user of one loads the file that holds it.
      return file === 'index' || found.others.length === 0 ? stub(expression, found) : taken(expression, found);
    },
  };
}
