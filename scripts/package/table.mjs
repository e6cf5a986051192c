// Writes docs/compatibility.md from what a whole run has found.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NODE_VERSIONS } from '../node-binaries.mjs';

const PAGE = fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url));

const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map(() => '---')), ...rows.map(row)];

/** The rows of a table whose cells are the results of `runs`, by two of their properties. */
function crossed(runs, down, across, columns) {
  const names = [...new Set(runs.map((one) => one[down]))];
  return names.map((name) => [
    name,
    ...columns.map((column) => runs.find((one) => one[down] === name && one[across] === column)?.result ?? ''),
  ]);
}

function page({ managers, runners, types, bundles, binaries }) {
  const { arch, platform } = process;
  const forTypes = types.map((one) => ({ ...one, row: `${one.version}, ${one.kind}` }));
  return [
    '# Compatibility',
    '',
    `\`npm run test:package\` makes this page from the packed tarball, on ${platform} ${arch}. Every night it runs all of it; CI runs a sample.`,
    '',
    '## Package managers',
    '',
    'Each installs the tarball into an empty project, with a PATH that has Node, npm and a shell. Lines: what it printed; what it',
    'says about the settings of the machine or the project is not counted. Scripts: what it ran in a shell.',
    '',
    ...table(
      ['', 'version', 'Node', 'exit', 'lines', 'warnings', 'scripts run'],
      managers.map((one) => [one.name, one.version, one.node, one.exit, one.lines, one.warnings, one.scripts]),
    ),
    '',
    '## Test runners and compilers at run time',
    '',
    'Each requires or imports the package as it does by itself, listens with a signal, and aborts it.',
    '',
    ...table(
      ['', ...NODE_VERSIONS.map((version) => `Node ${version}`)],
      crossed(runners, 'runner', 'version', NODE_VERSIONS),
    ),
    '',
    '## TypeScript',
    '',
    'Each compiles a program and its wrong options, which have to be refused; declarations are checked (`skipLibCheck: false`). A',
    'number is the error with which the compiler refuses that combination of its own settings.',
    '',
    ...table(
      ['', 'node10', 'node16', 'nodenext', 'bundler'],
      crossed(forTypes, 'row', 'resolution', ['node10', 'node16', 'nodenext', 'bundler']),
    ),
    '',
    '## Bundles',
    '',
    'Each serves a request from a folder without `node_modules`, but where the package is left outside.',
    '',
    ...table(
      ['', ''],
      bundles.map(({ name, result }) => [name, result]),
    ),
    '',
    'Electron (also from an ASAR archive) and pkg come from outside the registry: `.github/workflows/package.yml` tries them. Not run.',
    '',
    '## Binaries',
    '',
    ...table(
      ['', ''],
      binaries.map(({ name, result }) => [name, result]),
    ),
    '',
  ].join('\n');
}

export function writePage(results) {
  const text = page(results);
  if (readPage() !== text) writeFileSync(PAGE, text);
}

function readPage() {
  try {
    return readFileSync(PAGE, 'utf8');
  } catch {
    return undefined;
  }
}
