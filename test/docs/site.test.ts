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

describe('axe, about the site', () => {
  needs('the site');
  const browser = useBrowser();

  async function seen(name: string, colorScheme: 'light' | 'dark'): Promise<string[]> {
    const context = await browser().newContext({ colorScheme });
    try {
      const page = await context.newPage();
      await page.goto(`${origin}/${name}`, { waitUntil: 'load' });
      return await violations(page);
    } finally {
      await context.close();
    }
  }

  // Pictures and tables; code; the longest lists. Axe looks at every word's contrast: that takes as long as there are words.
  it.each([
    ['index.html', 'light'],
    ['index.html', 'dark'],
    ['docs/eaddrinuse.html', 'light'],
    ['docs/api.html', 'dark'],
  ] as const)('finds no fault in %s, %s', { timeout: 180_000 }, async (name, colors) => {
    expect(await seen(name, colors)).toEqual([]);
  });
});
