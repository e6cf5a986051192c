// Each line of docs/threat-model.md names a test that exists: a file and a title in it, or a section of the hijack suite.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const page = read('docs/threat-model.md');
const suite = read('scripts/hijack/suite.mjs');
const kinds = new Set([...read('scripts/hijack/lurkers.mjs').matchAll(/'([A-Z])',/g)].map(([, kind]) => kind));

interface Victims {
  RECIPES: { name: string }[];
}
const { RECIPES } = (await import(`${root}scripts/hijack/victims.mjs`)) as Victims;

/** What is wrong with the tests that a text names; how many it names. */
function look(text: string): { named: number; wrong: string[] } {
  const wrong: string[] = [];
  const files = [...text.matchAll(/(test\/[\w/-]+\.test\.ts)((?:[:,] `[^`]+`)*)/g)];
  for (const [, path = '', titles = ''] of files) {
    if (!existsSync(join(root, path))) {
      wrong.push(`no file ${path}`);
      continue;
    }
    const source = read(path);
    for (const [, title = ''] of titles.matchAll(/`([^`]+)`/g)) {
      if (!source.includes(`'${title}`)) wrong.push(`${path} has no '${title}'`);
    }
  }
  const sections = [...text.matchAll(/\*([A-Z][a-z]+)\*/g)].map(([, name]) => name as string);
  for (const name of sections)
    if (!suite.includes(`\\n# ${name}`) && name !== 'Lurkers') wrong.push(`no section ${name}`);
  if (sections.includes('Lurkers') && !suite.includes('# Lurkers')) wrong.push('no section Lurkers');
  for (const [, recipe = ''] of text.matchAll(/(?:\*[A-Z][a-z]+\*,? ?)+: `([^`]+)`/g)) {
    if (!RECIPES.some(({ name }) => name.includes(recipe))) wrong.push(`no recipe ${recipe}`);
  }
  for (const [, list = ''] of text.matchAll(/kinds? ([A-Z](?:, [A-Z])*)/g)) {
    wrong.push(...list.split(', ').flatMap((kind) => (kinds.has(kind) ? [] : [`no kind ${kind}`])));
  }
  return { named: files.length + sections.length, wrong };
}

describe('docs/threat-model.md', () => {
  it('names tests that exist', () => {
    const { named, wrong } = look(page);
    expect(wrong).toEqual([]);
    // Else the patterns find nothing anywhere.
    expect(named).toBeGreaterThan(40);
    expect(kinds.size).toBeGreaterThan(4);
  });

  it('names one in every line of a table about a system, with a title of it', () => {
    const [, ...systems] = page.split(/^## (?=Linux|macOS|Windows|When)/m);
    const rows = systems.flatMap((text) => text.split('\n').filter((line) => /^\| (?!---)/.test(line)));
    const lines = rows.filter((row) => !/\| test \|$/.test(row) && !/^\|-/.test(row));
    expect(lines.filter((line) => look(line.split(' | ').at(-1) ?? '').named === 0)).toEqual([]);
    expect(lines.length).toBeGreaterThan(18);
    // A file alone says little.
    expect(page.match(/test\/[\w/-]+\.test\.ts(?!:| checks)/g)).toEqual(null);
  });
});
