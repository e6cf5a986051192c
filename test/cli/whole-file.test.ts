// A file that is written whole or not at all: never through a link, and what was there stays where it cannot be.
import type * as fs from 'node:fs';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkWritable, writeWhole } from '../../cli/whole-file.ts';
import { isWindows } from '../fixtures/facts.ts';
import { run } from '../fixtures/register/run.ts';
import { itOn } from '../fixtures/systems.ts';

const played = vi.hoisted(() => ({ fails: false }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  const renameSync: typeof fs.renameSync = (from, to) => {
    if (played.fails) throw Object.assign(new Error('EPERM: operation not permitted, rename'), { code: 'EPERM' });
    real.renameSync(from, to);
  };
  return { ...real, renameSync };
});

const command = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exactbind-file-'));
  path = join(folder, 'page.html');
});
afterEach(() => {
  played.fails = false;
  rmSync(folder, { recursive: true });
});

describe('a file', () => {
  it('is new, or takes the place of another with its permissions', () => {
    writeWhole(path, 'one');
    if (!isWindows) chmodSync(path, 0o640);
    linkSync(path, join(folder, 'old'));
    writeWhole(path, 'two é');
    expect(readFileSync(path, 'utf8')).toBe('two é');
    expect(readFileSync(join(folder, 'old'), 'utf8')).toBe('one');
    if (!isWindows) expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder).sort()).toEqual(['old', 'page.html']);
  });

  it.each([
    ['its directory', () => mkdirSync(path), 'EISDIR'],
    ['a folder that is not there', () => (path = join(folder, 'no', 'page.html')), 'ENOENT'],
  ])('is not written where there is %s', (_, make, code) => {
    make();
    for (const write of [() => checkWritable(path), () => writeWhole(path, 'text')])
      expect(write).toThrow(expect.objectContaining({ code }));
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is what it was, and alone, where the last step fails', () => {
    writeWhole(path, 'one');
    played.fails = true;
    expect(() => writeWhole(path, 'two')).toThrow(/page\.html cannot be written: .* \(EPERM\)/);
    expect(readFileSync(path, 'utf8')).toBe('one');
    expect(readdirSync(folder)).toEqual(['page.html']);
  });

  itOn('linux', 'darwin')('is not written through a symbolic link, even one that leads nowhere', () => {
    const target = join(folder, 'target');
    symlinkSync(target, path);
    expect(() => writeWhole(path, 'text')).toThrow(/page\.html is a symbolic link: .* \(ELOOP\)/);
    writeFileSync(target, 'kept');
    expect(() => writeWhole(path, 'text')).toThrow(expect.objectContaining({ code: 'ELOOP' }));
    expect(readFileSync(target, 'utf8')).toBe('kept');
    expect(readdirSync(folder).sort()).toEqual(['page.html', 'target']);
  });

  itOn('linux', 'darwin')('is refused by the command before it measures', async () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'kept');
    symlinkSync(target, path);
    const { code, stdout, stderr } = await run([command, 'matrix', '--html', path]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`exactbind: ${path} is a symbolic link: name the file it leads to (ELOOP)\n`);
    expect(readFileSync(target, 'utf8')).toBe('kept');
  });
});
