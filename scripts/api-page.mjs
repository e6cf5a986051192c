// Writes docs/api.md from the declarations in dist/ and their doc comments; --check only compares.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'rolldown/utils';

const page = new URL('../docs/api.md', import.meta.url);

/** The modules that have public names, and a sentence about each. */
const MODULES = [
  { file: 'index', name: 'exactbind', about: '' },
  { file: 'handover', name: 'exactbind/handover', about: 'Hands sockets from one instance of a program to the next.' },
];

/** The order of the names of `exactbind`; those in no group come at the end. */
const ORDER = [
  [
    'Listen',
    [
      'listen',
      'BoundSocket',
      'bindUdp',
      'BindOptions',
      'ListenOptions',
      'PathBindOptions',
      'PathListenOptions',
      'WaitOptions',
      'portRange',
    ],
  ],
  [
    'Diagnose',
    [
      'inspectPort',
      'inspectPortSync',
      'InspectOptions',
      'PortReport',
      'InspectPathOptions',
      'PathReport',
      'PathHolder',
      'Holder',
      'HolderProcess',
      'Bindable',
      'Verdict',
      'SystemError',
    ],
  ],
  ['Wait', ['waitForPort', 'WaitForPortOptions']],
  [
    'Options of a socket',
    [
      'getOption',
      'setOption',
      'getRawOption',
      'setRawOption',
      'isSupported',
      'constants',
      'getTcpInfo',
      'TcpInfo',
      'getPeerCredentials',
      'PeerCredentials',
      'AnySocket',
    ],
  ],
  ['Clients', ['connect', 'connector', 'ConnectOptions', 'ConnectorTarget', 'ConnectorCallback']],
];

// Lists of hundreds of names: docs/options.md has them.
const LONGEST_TYPE = 400;

/**
 * @typedef {object} Doc
 * @property {string} text
 * @property {{ name: string, text: string }[]} tags
 */

/**
 * The comment that ends right above, without its stars.
 * @param {string} source
 * @param {number} start
 * @returns {Doc}
 */
function docAbove(source, start) {
  const before = source.slice(0, start).trimEnd();
  if (!before.endsWith('*/')) return { text: '', tags: [] };
  const comment = before.slice(before.lastIndexOf('/**') + 3, -2);
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd());
  const [text = '', ...tagged] = lines.join('\n').split(/(?:^|\s)(?=@\w+ )/);
  const tags = tagged.map((tag) => {
    const [, name = '', said = ''] = /^@(\w+)\s+([\s\S]*)$/.exec(tag.trim()) ?? [];
    return { name, text: said };
  });
  return { text: text.trim(), tags };
}

/** @param {string} text */
const oneLine = (text) => text.replace(/\s*\n\s*/g, ' ').trim();

/**
 * @param {Doc} doc
 * @param {string} name
 */
const tagged = (doc, name) => doc.tags.filter((tag) => tag.name === name).map(({ text }) => oneLine(text));

/**
 * What the tags say, as paragraphs.
 * @param {Doc} doc
 */
function remarks(doc) {
  const params = tagged(doc, 'param').map((text) => {
    const [, name, said] = /^(\S+)(?: -)? (.*)$/.exec(text) ?? [];
    return `- \`${name}\`: ${said}`;
  });
  return [
    ...(params.length > 0 ? [params.join('\n')] : []),
    ...tagged(doc, 'returns').map((text) => `**Returns** ${text}`),
    ...tagged(doc, 'throws').map((text) => `**Throws** ${text}`),
    ...tagged(doc, 'defaultValue').map((text) => `**Default** ${text}`),
  ];
}

/**
 * A member of a class or an interface, as an item of a list.
 * @param {string} source
 * @param {any} member
 */
function item(source, member) {
  const doc = docAbove(source, member.start);
  const signature = oneLine(source.slice(member.start, member.end))
    .replace(/;$/, '')
    .replace(/ \| undefined$/, '');
  const defaults = tagged(doc, 'defaultValue').map(
    (text) => `Default: ${/^[`']/.test(text) || / /.test(text) ? text : `\`${text}\``}.`,
  );
  const others = remarks({ text: '', tags: doc.tags.filter(({ name }) => name !== 'defaultValue') });
  const [first = '', ...rest] = doc.text.split(/\n(?=\n|- )/);
  const head = [`\`${signature}\``, oneLine(first)].filter((part) => part !== '').join('<br>');
  const lines = [[head, ...defaults].join(' '), ...others].join('<br>');
  return [`- ${lines}`, ...rest.map((part) => part.trim())].join('\n').replaceAll('\n', '\n  ');
}

/**
 * @param {string} source
 * @param {any} node
 */
function declaration(source, node) {
  // The compiler numbers names that two modules have.
  const text = source
    .slice(node.start, node.end)
    .replace(/^declare /, '')
    .replaceAll('Socket$1', 'dgram.Socket');
  if (node.type === 'TSInterfaceDeclaration' || node.type === 'ClassDeclaration')
    return text.slice(0, text.indexOf('{')).trim();
  return text.length > LONGEST_TYPE ? `${text.slice(0, text.indexOf('=') + 1)} …;` : text;
}

/**
 * The section of one name: every overload of a function, every member of a class or an interface.
 * @param {string} source
 * @param {string} name
 * @param {any[]} nodes
 */
function section(source, name, nodes) {
  const [first] = nodes;
  const isFunction = first.type === 'TSDeclareFunction';
  const lines = [`### ${name}`];
  for (const node of nodes) {
    const doc = docAbove(source, node.start);
    lines.push(`\`\`\`ts\n${declaration(source, node)}\n\`\`\``);
    if (doc.text !== '') lines.push(doc.text);
    lines.push(...remarks(doc));
  }
  const members = (isFunction ? undefined : first.body?.body) ?? [];
  const shown = members.filter(
    (/** @type {any} */ { accessibility, key }) => accessibility !== 'private' && key?.type !== 'PrivateIdentifier',
  );
  if (shown.length > 0) lines.push(shown.map((/** @type {any} */ member) => item(source, member)).join('\n'));
  return lines.join('\n\n');
}

/**
 * The public names of a module, with what declares each.
 * @param {string} source
 * @returns {Map<string, any[]>}
 */
function publicNames(source) {
  const { program, errors } = parseSync('index.d.ts', source, { lang: 'dts', sourceType: 'module' });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  const nodes = /** @type {any[]} */ (program.body);
  const names = nodes.flatMap(({ type, specifiers = [] }) =>
    type === 'ExportNamedDeclaration'
      ? specifiers.map((/** @type {any} */ { local, exported }) => [exported.name, local.name])
      : [],
  );
  return new Map(
    names.map(([exported, local]) => [
      exported,
      nodes.filter(({ id, declarations }) => (id ?? declarations?.[0]?.id)?.name === local),
    ]),
  );
}

/** @param {{ file: string, name: string, about: string }} module */
function chapter({ file, name, about }) {
  const path = new URL(`../dist/${file}.d.cts`, import.meta.url);
  if (!existsSync(path)) return [];
  const source = readFileSync(path, 'utf8');
  const names = publicNames(source);
  const ordered = new Set(ORDER.flatMap(([, list]) => /** @type {string[]} */ (list)));
  const others = [...names.keys()].filter((other) => !ordered.has(other));
  const groups = file === 'index' ? [...ORDER, ['Other types', others]] : [[name, [...names.keys()]]];
  return groups.flatMap(([title, list]) => {
    const here = /** @type {string[]} */ (list).filter((one) => names.has(one));
    if (here.length === 0) return [];
    const sections = here.map((one) => section(source, one, names.get(one) ?? []));
    return [`## ${title}`, ...(about === '' ? [] : [about]), ...sections];
  });
}

export function apiPage() {
  const chapters = MODULES.flatMap(chapter);
  const notice =
    'Generated by scripts/api-page.mjs from the doc comments in lib/: do not edit. Times are milliseconds, sizes are bytes, unless a line says otherwise.';
  return `${['# API', notice, ...chapters].join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = apiPage();
  if (!process.argv.includes('--check')) writeFileSync(page, text);
  else if (readFileSync(page, 'utf8') !== text) {
    console.error('docs/api.md is not what the doc comments say: node scripts/api-page.mjs');
    process.exitCode = 1;
  }
}
