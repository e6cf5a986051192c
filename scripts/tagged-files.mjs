// The test files that a line `// @module-tag NAME`, which vitest reads too, puts into a sample.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Their paths in the repository. Found without starting vitest, which starts a process for a file to skip it.
 * @param {string} tag
 */
export function taggedFiles(tag) {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join('test', path))
    .filter((path) => readFileSync(join(root, path), 'utf8').includes(`// @module-tag ${tag}\n`));
  if (files.length === 0) throw new Error(`no test file has the tag ${tag}`);
  return files.sort();
}
