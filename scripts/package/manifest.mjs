// Takes out of package.json what is for the clone alone, while the package is packed: npm takes `prepare` of a tarball for
// a script that installs something, and warns.
//
// node scripts/package/manifest.mjs trim|restore
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = join(root, 'package.json');
const kept = join(root, '.cache', 'manifest', 'package.json');

const FOR_THE_CLONE = ['scripts', 'devDependencies', 'overrides', 'gypfile'];

/**
 * The text of the package.json that is published.
 * @param {string} text
 */
export function trimmed(text) {
  const published = JSON.parse(text);
  for (const name of FOR_THE_CLONE) delete published[name];
  return `${JSON.stringify(published, undefined, 2)}\n`;
}

const restore = () => existsSync(kept) && renameSync(kept, manifest);

function trim() {
  // What an interrupted run has left is the whole one.
  restore();
  const text = readFileSync(manifest, 'utf8');
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, text);
  writeFileSync(`${manifest}.next`, trimmed(text));
  renameSync(`${manifest}.next`, manifest);
}

if (process.argv[2] === 'trim') trim();
if (process.argv[2] === 'restore') restore();
