// Makes the page of `exactbind matrix --html` from the matrix in bench/results/ that is shown, for the site: node html.mjs FILE
import { writeFileSync } from 'node:fs';
import { htmlOf, pageData } from './built.mjs';
import { results } from './systems.mjs';

const [, , file] = process.argv;
if (file === undefined) throw new Error('to which file?');
const measured = results().findLast(({ os }) => os === 'linux');
if (measured === undefined) throw new Error('bench/results/ has no matrix of Linux: npm run bench:matrix');
const { os, kernel, arch, node, runs } = measured;
writeFileSync(file, htmlOf(pageData({ os, kernel, arch, node, ...runs.first })));
