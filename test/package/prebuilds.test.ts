// The names of the prebuilt binaries are those that node-gyp-build looks for, on each platform.
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Target {
  platform: string;
  arch: string;
  libc: string | undefined;
  file: string;
}

const require = createRequire(import.meta.url);
const { parseTuple, matchTuple, parseTags } = require('node-gyp-build/node-gyp-build.js');
const scripts = fileURLToPath(new URL('../../scripts/prebuild/', import.meta.url));
const { TARGETS } = (await import(`${scripts}targets.mjs`)) as { TARGETS: Target[] };
const { formatSums, parseSums } = await import(`${scripts}sums.mjs`);

describe('prebuilt binaries', () => {
  it.each(TARGETS)('are found as $file', ({ platform, arch, libc, file }) => {
    expect(matchTuple(platform, arch)(parseTuple(dirname(file)))).toBe(true);
    const tags = parseTags(basename(file));
    expect(tags.libc).toBe(libc);
    // One for every version of Node.
    expect(tags).not.toHaveProperty('abi');
  });

  it('are listed in a file that sha256sum reads', () => {
    const sums = { 'win32-x64/exactbind.node': 'b'.repeat(64), 'linux-x64/exactbind.glibc.node': 'a'.repeat(64) };
    const text = formatSums(sums);
    expect(text.split('\n')[0]).toBe(`${'a'.repeat(64)}  linux-x64/exactbind.glibc.node`);
    expect(parseSums(text)).toEqual(sums);
  });
});
