// Draws docs/pictures/: a terminal in which a second server is refused, from a real run of both.
//
// node scripts/terminal-picture.mjs [--check]: the pid, the user and the port of this run become those of the docs.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspectPortSync } from 'exactbind';

const root = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = new URL('../docs/pictures/', import.meta.url);

const COLUMNS = 80;
const [PORT, PID, USER] = ['3000', '4711', 'ada'];

/** @param {number} port */
const program = (port) => `import http from 'node:http';
import { listen } from 'exactbind';

const server = http.createServer((request, response) => response.end('hello'));
try {
  await listen(server, ${port});
  console.log('listening on http://localhost:${port}');
} catch ({ message, remedy }) {
  console.error(message);
  console.error('remedy:', remedy);
  process.exitCode = 1;
}
`;

/**
 * What a program printed, however it ended.
 * @param {string[]} args
 * @param {import('node:child_process').ExecFileOptions} how
 * @returns {Promise<{ stdout: string, stderr: string }>}
 */
const ended = (args, how) =>
  new Promise((resolve) => {
    execFile(process.execPath, args, { ...how, encoding: 'utf8' }, (_, stdout, stderr) => resolve({ stdout, stderr }));
  });

/** @typedef {{ text: string, kind: 'prompt' | 'output' | 'error' }} Line */

/**
 * What the terminal shows: a server, a second one, and the question who has the port.
 * @param {number} port a free one
 * @returns {Promise<Line[]>}
 */
export async function scene(port) {
  const folder = mkdtempSync(join(tmpdir(), 'exactbind-picture-'));
  const copy = join(folder, 'node_modules', 'exactbind');
  // A copy, as an installation is: the remedy names the path of the command.
  for (const part of ['package.json', 'dist', 'build/Release/exactbind.node', 'prebuilds']) {
    if (existsSync(join(root, part))) cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  writeFileSync(join(folder, 'server.mjs'), program(port));
  const how = { cwd: folder, env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '' } };
  const first = spawn(process.execPath, ['server.mjs'], { ...how, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [hello] = await once(first.stdout, 'data');
    const second = await ended(['server.mjs'], how);
    if (second.stderr === '') throw new Error(`A second server got the port: ${second.stdout}`);
    const who = await ended([join(root, 'dist/cli.cjs'), 'who', '--pid', String(port)], how);
    /** @param {string} text */
    const said = (text) =>
      text
        .replaceAll(new RegExp(`\\b${first.pid}\\b`, 'g'), PID)
        .replaceAll(String(port), PORT)
        .replaceAll(`user ${userInfo().username}`, `user ${USER}`);
    /** @type {(text: string, kind: Line['kind']) => Line[]} */
    const lines = (text, kind) =>
      said(text)
        .trimEnd()
        .split('\n')
        .flatMap((line) => line.match(new RegExp(`.{1,${COLUMNS}}(?: |$)`, 'g')) ?? [''])
        .map((line) => ({ text: line.trimEnd(), kind }));
    return [
      ...lines('node server.mjs', 'prompt'),
      ...lines(String(hello), 'output'),
      ...lines('node server.mjs', 'prompt'),
      ...lines(second.stderr, 'error'),
      ...lines('npx exactbind who --pid 3000', 'prompt'),
      ...lines(who.stdout, 'output'),
    ];
  } finally {
    first.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const THEMES = {
  light: {
    background: '#f6f8fa',
    border: '#d0d7de',
    prompt: '#116329',
    command: '#1f2328',
    output: '#424a53',
    error: '#a40e26',
  },
  dark: {
    background: '#161b22',
    border: '#30363d',
    prompt: '#7ee787',
    command: '#f0f6fc',
    output: '#c9d1d9',
    error: '#ffa198',
  },
};

const [WIDTH, HEIGHT, MARGIN, TOP] = [8.4, 21, 18, 44];

/** @param {string} text */
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** What the picture shows, in words. */
export const DESCRIPTION =
  'A terminal: a server listens on port 3000; a second one is refused with EADDRINUSE, and the error names the process, its pid and its user; exactbind who --pid 3000 prints the pid.';

/**
 * @param {Line[]} lines
 * @param {keyof typeof THEMES} theme
 */
function drawn(lines, theme) {
  const colors = THEMES[theme];
  const width = Math.round(COLUMNS * WIDTH + 2 * MARGIN);
  const height = TOP + lines.length * HEIGHT + MARGIN - 6;
  const rows = lines.map(({ text, kind }, index) => {
    const y = TOP + (index + 0.7) * HEIGHT;
    /** @type {(from: number, what: string, color: string) => string} */
    const span = (from, what, color) =>
      `<text x="${(MARGIN + from * WIDTH).toFixed(1)}" y="${y.toFixed(1)}" textLength="${(what.length * WIDTH).toFixed(1)}" fill="${color}">${escaped(what)}</text>`;
    return kind === 'prompt'
      ? span(0, '$', colors.prompt) + span(2, text, colors.command)
      : span(0, text, colors[kind]);
  });
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (color, index) => `<circle cx="${MARGIN + 6 + index * 20}" cy="20" r="6" fill="${color}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="what">
<title id="what">${DESCRIPTION}</title>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="${colors.background}" stroke="${colors.border}"/>
${dots.join('')}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" lengthAdjust="spacingAndGlyphs" xml:space="preserve">
${rows.join('\n')}
</g>
</svg>
`;
}

/**
 * The files of docs/pictures/ and what is in them.
 * @param {number} port a free one
 * @returns {Promise<[name: string, svg: string][]>}
 */
export async function pictures(port) {
  const lines = await scene(port);
  return [
    ['refused-light.svg', drawn(lines, 'light')],
    ['refused-dark.svg', drawn(lines, 'dark')],
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check');
  // Any that is free: what is drawn is the port of the docs.
  const free = Array.from({ length: 100 }, (_, index) => 3000 + index).find(
    (port) => inspectPortSync(port).bindable.exclusive,
  );
  if (free === undefined) throw new Error('No port from 3000 to 3099 is free');
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, svg] of await pictures(free)) {
    if (!isCheck) writeFileSync(new URL(name, FOLDER), svg);
    else if (readFileSync(new URL(name, FOLDER), 'utf8') !== svg) {
      console.error(`docs/pictures/${name} is not what a run shows: node scripts/terminal-picture.mjs`);
      process.exitCode = 1;
    }
  }
}
