// The site of the docs: the Markdown of the repository as it is, the README first. scripts/site.mjs puts it beside this.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const readme = readFileSync(fileURLToPath(new URL('../pages/README.md', import.meta.url)), 'utf8');

/** The README's table of questions is the menu's. */
const questions = [...readme.matchAll(/^\| (.+?) \| \[(docs\/[\w-]+)\.md\]\(/gm)].map(([, text, path]) => ({
  text: text.replaceAll('`', ''),
  link: `/${path}`,
}));

/** @type {(text: string, name: string) => { text: string, link: string }} */
const page = (text, name) => ({ text, link: `/docs/${name}` });

/**
 * The anchors of GitHub: those that the pages link to.
 * @param {string} heading
 */
const slugify = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');

/**
 * An empty head of a column is a cell: a header without a name is read aloud as one.
 * @param {{ core: { ruler: { push: (name: string, rule: (state: { tokens: any[] }) => void) => void } } }} md
 */
function withoutEmptyHeaders(md) {
  md.core.ruler.push('empty-headers', ({ tokens }) => {
    for (const [index, { type }] of tokens.entries()) {
      if (type !== 'th_open' || tokens[index + 1].content !== '') continue;
      tokens[index].tag = 'td';
      tokens[index + 2].tag = 'td';
    }
  });
}

/** @type {import('vitepress').UserConfig} */
const config = {
  lang: 'en',
  title: 'exactbind',
  description: 'Listen on a port that nobody else can share or take',
  srcDir: 'pages',
  rewrites: { 'README.md': 'index.md' },
  outDir: 'dist',
  cacheDir: 'cache',
  lastUpdated: false,
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    anchor: { slugify },
    config: withoutEmptyHeaders,
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [page('API', 'api'), { text: 'Changelog', link: '/CHANGELOG' }],
    sidebar: [
      { text: 'Questions', items: [{ text: 'In a minute', link: '/' }, ...questions] },
      {
        text: 'Reference',
        items: [
          page('API', 'api'),
          page('Command line', 'cli'),
          page('JSON of the commands', 'json'),
          page('exactbind doctor', 'doctor'),
          page('Socket options', 'options'),
          page('Options of any socket', 'raw-options'),
          page('Bundlers', 'bundling'),
          page('Upgrading', 'upgrading'),
        ],
      },
      {
        text: 'Systems',
        items: [
          page('Linux', 'linux'),
          page('macOS', 'darwin'),
          page('Windows', 'windows'),
          page('Who can bind over whom', 'bind-semantics'),
          { text: 'Supported platforms', link: '/SUPPORTED_PLATFORMS' },
        ],
      },
      {
        text: 'Measured',
        items: [
          page('Threat model', 'threat-model'),
          page('Reliability', 'reliability'),
          page('Benchmarks', 'benchmarks'),
          page('Compatibility', 'compatibility'),
        ],
      },
    ],
  },
};

// biome-ignore lint/style/noDefaultExport: VitePress asks for one.
export default config;
