// Writes docs/frameworks.md from what a whole run has found.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../../docs/frameworks.md', import.meta.url));

/** @import { Life } from './life.mjs' */
/** @import { Framework, Mode } from './servers.mjs' */

/**
 * What one life has found.
 * @typedef {Life & { framework: Framework, mode: Mode, version: string }} Found
 */

/** @param {string[]} cells */
const row = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
/** @type {(head: string[], rows: string[][]) => string[]} */
const table = (head, rows) => [row(head), row(head.map(() => '---')), ...rows.map(row)];

/** @param {Framework} framework */
function versionOf({ packages: [spec = ''] }) {
  return spec.slice(spec.lastIndexOf('@') + 1);
}

/** @param {Life | undefined} life */
function inWords(life) {
  if (life === undefined) return '';
  const stop = life.stop === 'ok' ? '' : ', SIGTERM does not end it beside an open connection';
  return `refused, ${life.conflict}${life.holder ? ', holder named' : ''}${stop}`;
}

/** @param {Found[]} found */
function rows(found) {
  const names = [...new Set(found.map(({ framework }) => framework.name))];
  return names.flatMap((name) => {
    const own = found.filter(({ framework }) => framework.name === name);
    const [{ framework } = { framework: undefined }] = own;
    if (framework === undefined) return [];
    const versions = [...new Set(own.map(({ version }) => version))];
    const lines = versions.map((version) => {
      const of = (/** @type {Mode} */ mode) => own.find((one) => one.version === version && one.mode === mode);
      return {
        node: version.split('.')[0] ?? '',
        said: [inWords(of('plain')), inWords(of('hook')), inWords(of('api'))],
      };
    });
    // One line where it is the same on each Node.
    const isSame = lines.every(({ said }) => said.join() === lines[0]?.said.join());
    const shown = isSame ? [{ node: lines.map(({ node }) => node).join(', '), said: lines[0]?.said ?? [] }] : lines;
    return shown.map(({ node, said }) => [name, versionOf(framework), node, ...said]);
  });
}

/** @param {Found[]} found */
function page(found) {
  const frameworks = [...new Map(found.map(({ framework }) => [framework.name, framework])).values()];
  return [
    '# Frameworks',
    '',
    '`npm run test:frameworks` makes this page. It starts each framework in three ways: as it is, with',
    '`NODE_OPTIONS="--require exactbind/register"` and nothing else changed, and with the API. A full run takes place every',
    'night; CI runs a sample.',
    '',
    'Each server starts and answers. A second one on the same port must be refused while the first goes on answering. The first then',
    'ends while a client is connected, and the next start takes the port over the leftovers. In the end the port is free.',
    'The table shows only frameworks that passed all of this.',
    '',
    `Node ${[...new Set(found.map(({ version }) => version))].join(' and ')}, ${process.platform} ${process.arch}.`,
    '',
    '## A port that is taken',
    '',
    '"Holder named": the output says which process has the port, with its pid and user.',
    '',
    ...table(['', 'version', 'Node', 'as it is', 'with the hook', 'with the API'], rows(found)),
    '',
    '## The line with the API',
    '',
    "`listen` is exactbind's, `createServer` that of `node:http`.",
    '',
    ...table(
      ['', 'instead of', 'write'],
      frameworks.map(({ name, plain, api, command }) => [
        name,
        `\`${plain === '' ? [name, ...(command?.(3000).slice(1) ?? [])].join(' ') : plain}\``,
        `\`${api}\``,
      ]),
    ),
    '',
    '## Recipes',
    '',
    ...frameworks.flatMap(({ name, recipe }) => (recipe === undefined ? [] : [`- ${name}: ${recipe}`])),
    '',
  ].join('\n');
}

/** @param {Found[]} found */
export function writePage(found) {
  writeFileSync(PAGE, page(found));
}
