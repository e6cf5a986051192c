// The page of the matrix: one file that asks nothing of any network.
import { createHash } from 'node:crypto';
import colours from './colours.css?raw';
import type { PageData } from './data.ts';
import layout from './page.css?raw';
import main from './page.mjs?raw';
import squaresLook from './squares.css?raw';
import squares from './squares.mjs?raw';

const style = [colours, layout, squaresLook].join('');
// One script of both modules, which see each other as they do in their files.
const modules = [squares, main].map((text) => text.replace(/^import .*\n/gm, '').replace(/^export /gm, ''));
const script = `(() => {\n${modules.join('\n')}})();\n`;

// No more than these two can run, or style anything, whatever is in the data.
const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

// An element ends at the first `</`, and a comment in it begins at `<!--`, whatever JSON says about strings.
const inScript = (data: PageData) => JSON.stringify(data).replaceAll('<', '\\u003c');

/** The page in whole. */
export function htmlOf(data: PageData): string {
  const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Who can bind over whom</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#outcome">Skip to the outcome</a>
<header>
<h1>Who can bind over whom</h1>
<p>One socket has a port, a second one wants it. Choose both and see what the system does, who gets the connections, and which function of which kernel decides.</p>
</header>
<noscript><p>This page chooses among its data with a script. Without one, <code>exactbind matrix --json</code> has the same.</p></noscript>
<main hidden>
<div id="choice"></div>
<div id="outcome" tabindex="-1"></div>
<div id="all"></div>
</main>
<footer>
<p>Made by <code>exactbind matrix --html</code>. The page is complete: it loads nothing and sends nothing.</p>
</footer>
<script type="application/json" id="data">${inScript(data)}</script>
<script>${script}</script>
</body>
</html>
`;
}
