// The site of the docs, as npm run docs built it: every link inside it, and every page before axe.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { listen } from 'exactbind';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBrowser, violations } from '../fixtures/browser.ts';
import { needs, SITE } from '../fixtures/needs.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
};

const pages = existsSync(SITE)
  ? readdirSync(SITE, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.html') && name !== '404.html',
    )
  : [];

let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const path = join(SITE, normalize(pathname === '/' ? 'index.html' : decodeURIComponent(pathname)));
    if (!existsSync(path)) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' }).end(readFileSync(path));
  });
  const { port } = await listen(server, { host: '127.0.0.1' });
  origin = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  server.close();
});

describe('the site', () => {
  needs('the site');

  it('holds a page for each of the menu, and its links lead somewhere', () => {
    const html = (name: string) => readFileSync(join(SITE, name), 'utf8');
    expect(pages.length).toBeGreaterThan(20);
    const ids = new Map(
      pages.map((name) => [name, new Set([...html(name).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))]),
    );
    const dead = pages.flatMap((name) =>
      [...html(name).matchAll(/<a [^>]*href="([^"]*)"/g)]
        .map(([, href = '']) => new URL(href.replaceAll('&amp;', '&'), `http://site/${name}`))
        .filter(({ host }) => host === 'site')
        .filter(({ pathname, hash }) => {
          const target = pathname === '/' ? 'index.html' : pathname.slice(1);
          if (!existsSync(join(SITE, target))) return true;
          return hash !== '' && ids.has(target) && !ids.get(target)?.has(decodeURIComponent(hash.slice(1)));
        })
        .map(({ pathname, hash }) => `${name}: ${pathname}${hash}`),
    );
    expect([...new Set(dead)]).toEqual([]);
  });
});

// Axe looks at each word, and what it finds is in the shape: of many siblings of one shape two are as good as all.
const FEW = `(() => {
  const shapes = new Map();
  const numbers = new Map();
  const shapeOf = (element) => {
    const inside = [...new Set([...element.children].map(shapeOf))].sort();
    const text = [...element.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim() !== '');
    const words = JSON.stringify([element.tagName, element.className, element.getAttribute('style'), text, inside]);
    if (!numbers.has(words)) numbers.set(words, numbers.size);
    shapes.set(element, numbers.get(words));
    return numbers.get(words);
  };
  const thin = (element) => {
    const seen = new Map();
    for (const child of [...element.children]) {
      const count = (seen.get(shapes.get(child)) ?? 0) + 1;
      seen.set(shapes.get(child), count);
      if (count > 2) child.remove();
      else thin(child);
    }
  };
  shapeOf(document.body);
  thin(document.body);
})()`;

describe('axe, about the site', () => {
  needs('the site');
  const browser = useBrowser();

  it('finds no fault in any page, light and dark', { timeout: 600_000 }, async () => {
    const found: Record<string, string[]> = {};
    const page = await browser().newPage();
    page.setDefaultTimeout(120_000);
    for (const name of pages) {
      await page.emulateMedia({ colorScheme: 'light' });
      await page.goto(`${origin}/${name}`, { waitUntil: 'load' });
      await page.evaluate(FEW);
      const light = await violations(page);
      // Only colours differ.
      await page.emulateMedia({ colorScheme: 'dark' });
      const dark = await violations(page, ['color-contrast', 'link-in-text-block']);
      if (light.length + dark.length > 0) found[name] = [...light, ...dark];
    }
    expect(found).toEqual({});
  });
});
