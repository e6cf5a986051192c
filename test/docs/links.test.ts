// Every link of README and docs leads somewhere: to a file that is here, and to a heading that it has.
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, linksOf, PAGES, root } from '../fixtures/docs/markdown.ts';

function faultOf(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#', 2);
  const target = path === '' ? page : posix.normalize(posix.join(posix.dirname(page), path));
  if (!existsSync(root + target)) return `${link}: no such file`;
  if (anchor === undefined || !target.endsWith('.md')) return undefined;
  return anchorsOf(target).has(anchor) ? undefined : `${link}: no such heading`;
}

describe('the links of', () => {
  it.each(PAGES)('%s lead somewhere', (page) => {
    const inside = linksOf(page).filter((link) => !/^\w+:/.test(link));
    expect(inside.map((link) => faultOf(page, link)).filter((fault) => fault !== undefined)).toEqual([]);
  });

  it('the README stay in the package', () => {
    expect(linksOf('README.md').filter((link) => /^\w+:/.test(link))).toEqual([]);
  });
});

describe('every page of docs', () => {
  it('is reached from the README or from a page that is', () => {
    const reached = new Set(['README.md']);
    for (const page of reached) {
      const links = linksOf(page).map((link) =>
        posix.normalize(posix.join(posix.dirname(page), link.split('#')[0] as string)),
      );
      for (const link of links) if (PAGES.includes(link)) reached.add(link);
    }
    const internal = /^docs\/decisions\/|^docs\/(map|releasing|testing)\.md$|^prebuilds\/|^[A-Z]+\.md$/;
    expect(PAGES.filter((page) => !reached.has(page) && !internal.test(page))).toEqual([]);
  });
});
