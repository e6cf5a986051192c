// The page of the matrix as somebody sees it: by keys, by a screen reader, with hostile words in it, and without a network.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import {
  ADDRESSES,
  type Cell,
  type FirstSocket,
  firstSockets,
  KEYS,
  type MatrixSystem,
  PROTOCOLS,
  type SecondSocket,
  SHARINGS,
  secondSockets,
} from '../../matrix/cells.ts';
import { type PageData, pageData } from '../../matrix/html/data.ts';
import type * as Compiled from '../../matrix/index.ts';
import { foretell, predict } from '../../matrix/predict.ts';
import { reasonOf } from '../../matrix/reasons.ts';
import { MATRIX_RULES } from '../../matrix/systems.ts';
import { useBrowser, violations } from '../fixtures/browser.ts';

// As it is published: vitest imports a style sheet as nothing.
const { htmlOf }: Pick<typeof Compiled, 'htmlOf'> = await import(
  new URL('../../dist/matrix.cjs', import.meta.url).href
);

// Of what looks at each of 600 squares.
const MINUTE = 60_000;

const OWNERS = ['same-process', 'other-process', 'other-user'] as const;
const MACHINE = { addresses: ADDRESSES, own: 1000, other: -1 };

function cellsOf(os: MatrixSystem): Cell[] {
  return PROTOCOLS.flatMap((protocol) =>
    firstSockets(protocol, SHARINGS[os], ADDRESSES).flatMap((first) =>
      secondSockets(SHARINGS[os], ADDRESSES, OWNERS).map((second) => {
        const predicted = predict(MATRIX_RULES[os], protocol, first, second, MACHINE);
        return { protocol, first, second, predicted, measured: predicted };
      }),
    ),
  );
}

const linux = cellsOf('linux');
const HOST = { os: 'linux', kernel: 'Linux 6.1', arch: 'x64', node: 'v24.0.0', uid: 1000, leftOut: {} } as const;
// What the page shows first.
const listening = linux.filter(({ protocol, first }) => protocol === 'tcp' && first.state === 'listening');
const data = pageData({ ...HOST, cells: linux });

const folder = mkdtempSync(join(tmpdir(), 'exactbind-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Pair = [os: MatrixSystem, protocol: Cell['protocol'], first: FirstSocket, second: SecondSocket];

const hashOf = ([os, protocol, first, second]: Pair) =>
  `#${[os, protocol, first.state, first.sharing, first.address, second.sharing, second.address, second.owner].map(encodeURIComponent).join('/')}`;

const OVER: Pair = [
  'darwin',
  'tcp',
  { state: 'listening', sharing: 'reuse-address', address: '0.0.0.0' },
  { sharing: 'reuse-address', address: '127.0.0.1', owner: 'other-process' },
];

describe('what the page knows', () => {
  it('is the reason of every result that is not left open', () => {
    for (const { legend } of data.systems) {
      for (const { values, reasons } of legend) {
        const lacking = KEYS.filter((_, index) => {
          const isAsked = values[index] !== null && (values[index] !== 'unknown' || values[0] !== 'unknown');
          return isAsked && values[index] !== 'unknown' && data.reasons[reasons[index] as number] === undefined;
        });
        expect(lacking, JSON.stringify(values)).toEqual([]);
      }
    }
    const incomplete = data.reasons.filter(
      ([text, name, where, url]) => !text || !name || !where || !/^https:/.test(url),
    );
    expect(incomplete).toEqual([]);
  });

  it.each<[pair: Pair, key: keyof Cell['measured'], by: string, name: string]>([
    [OVER, 'bind', 'not-exact', 'in_pcbbind()'],
    [OVER, 'receives', 'best-fit', 'in_pcblookup_hash()'],
    [['linux', ...tail(OVER)], 'bind', 'listening', 'inet_csk_bind_conflict()'],
    [['windows', ...tail(OVER)], 'bind', 'same-user', 'Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE'],
    [['linux', 'tcp', ...group('other-user')], 'bind', 'another-user', 'inet_csk_bind_conflict()'],
    [['linux', 'tcp', ...group('other-process')], 'listen', 'both-reuse-port', 'inet_csk_listen_start()'],
    [['linux', 'tcp', ...group('other-process')], 'receives', 'group', 'reuseport_select_sock()'],
    [['darwin', 'tcp', ...group('other-process')], 'receives', 'younger', 'in_pcblookup_hash()'],
    [['wine', ...tail(OVER)], 'bind', 'linux listening', 'inet_csk_bind_conflict()'],
  ])('of %j is, for %s, %s in %s', ([os, ...pair], key, by, name) => {
    const because = foretell(MATRIX_RULES[os], ...pair, MACHINE).because()[key];
    expect(because?.by).toBe(by);
    expect(because && reasonOf(os, { key, protocol: pair[0], because }).source.name).toBe(name);
  });

  it('gives no reason where the rule is wrong', () => {
    const [cell] = linux as [Cell];
    const measured = { bind: 'EINVAL', listen: null, firstListen: null, receives: null };
    const { systems } = pageData({ ...HOST, cells: [{ ...cell, measured }] });
    expect(systems[0]?.legend).toMatchObject([{ outcome: 'refused', reasons: [-1, -1, -1, -1] }]);
    expect(systems[0]?.legend[0]?.predicted?.[0]).toBe(cell.predicted.bind);
  });
});

function tail([, ...rest]: Pair) {
  return rest;
}

function group(owner: SecondSocket['owner']): [FirstSocket, SecondSocket] {
  const at = { sharing: 'reuse-port', address: '127.0.0.1' } as const;
  return [
    { ...at, state: 'listening' },
    { ...at, owner },
  ];
}

describe('the page', () => {
  const browser = useBrowser();
  let open: Page | undefined;
  afterEach(async () => {
    await open?.close();
  });

  async function show(
    shown: PageData,
    { hash = '', ...options }: Parameters<ReturnType<typeof browser>['newPage']>[0] & { hash?: string } = {},
  ) {
    const path = join(folder, 'matrix.html');
    writeFileSync(path, htmlOf(shown));
    const page = await browser().newPage(options);
    open = page;
    const asked: string[] = [];
    const errors: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('pageerror', ({ message }) => errors.push(message));
    page.on('console', (message) => errors.push(message.text()));
    await page.goto(`${pathToFileURL(path)}${hash}`);
    return { page, asked, errors };
  }

  const headline = (page: Page) => page.getByRole('status').textContent();
  const isChecked = (page: Page, name: string) => page.getByRole('radio', { name }).isChecked();

  it('asks for nothing but itself, and is small', async () => {
    const { page, asked, errors } = await show(data);
    expect(await page.title()).toBe('Who can bind over whom');
    expect(asked).toEqual([pathToFileURL(join(folder, 'matrix.html')).href]);
    expect(errors).toEqual([]);
    expect(Buffer.byteLength(htmlOf(data))).toBeLessThan(300_000);
  });

  it('is chosen from by keys alone', async () => {
    const { page } = await show(data);
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    expect(await headline(page)).toBe('The second socket is refused: EADDRINUSE.');
    // Past the link that skips, to the systems.
    await press('Tab', 'Tab', 'ArrowRight');
    expect(await isChecked(page, 'macOS')).toBe(true);
    // The protocol, five examples: the second of them.
    await press('Tab', 'Tab', 'Tab', 'Enter');
    expect(await headline(page)).toBe('The second socket takes over what comes.');
    // Three more, and the options of the first.
    await press('Tab', 'Tab', 'Tab', 'Tab');
    await press('Tab');
    await page.keyboard.type('127.0.0.1');
    expect(await page.getByRole('combobox', { name: 'Address' }).first().inputValue()).toBe('127.0.0.1');
    expect(await headline(page)).toBe('The second socket is refused: EADDRINUSE.');
    await page.getByRole('gridcell', { selected: true }).focus();
    const first = page.getByRole('combobox', { name: 'Address' }).first();
    const focused = () => page.evaluate('document.activeElement.getAttribute("aria-selected")');
    await press('ArrowUp');
    expect([await first.inputValue(), await headline(page)]).toEqual([
      '0.0.0.0',
      'The second socket takes over what comes.',
    ]);
    expect(await focused()).toBe('true');
    await press('Home');
    expect(await page.getByRole('combobox', { name: 'Address' }).last().inputValue()).toBe('0.0.0.0');
    expect(await focused()).toBe('true');
    expect(await headline(page)).toBe('The second socket is refused: EADDRINUSE.');
  });

  it(
    'shows of every pair what the rule says, and why',
    async () => {
      const { page } = await show(data);
      const systems = ['linux', 'darwin', 'windows'] as const;
      // Every 2003rd, so that each state, address and option has its turn.
      const pairs = systems.flatMap((os) =>
        (os === 'linux' ? linux : cellsOf(os))
          .filter((_, index) => index % 2003 === 5)
          .map(({ protocol, first, second }): Pair => [os, protocol, first, second]),
      );
      expect(pairs.length).toBeGreaterThan(12);
      for (const [os, ...pair] of pairs) {
        const machine = os === 'linux' ? MACHINE : { addresses: ADDRESSES, own: 501, other: 502 };
        const { results, because } = foretell(MATRIX_RULES[os], ...pair, machine);
        const causes = because();
        const asked = KEYS.filter((key) => results[key] !== null);
        const names: Record<string, string> = {
          first: 'the first',
          second: 'the second',
          either: 'either of them',
          none: 'nobody',
        };
        const said = asked.map((key) => {
          const value = results[key] as string;
          return value === 'unknown' ? 'not known' : key === 'receives' ? names[value] : value;
        });
        const why = asked.flatMap((key) => {
          const cause = causes[key];
          return cause === null ? [] : reasonOf(os, { key, protocol: pair[0], because: cause }).text;
        });
        await page.evaluate(`location.hash = ${JSON.stringify(hashOf([os, ...pair]))}`);
        await page.waitForFunction(
          `document.querySelector('[role=gridcell][aria-selected=true]') && location.hash === ${JSON.stringify(hashOf([os, ...pair]))}`,
        );
        await expect
          .poll(() => page.locator('.said').allTextContents(), { message: hashOf([os, ...pair]) })
          .toEqual(said);
        expect(await page.locator('.why').allTextContents()).toEqual(why);
      }
    },
    3 * MINUTE,
  );

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
  ] as const)(
    'has nothing that axe finds wrong, %s and %i pixels wide',
    async (colorScheme, width) => {
      const { page } = await show(data, { colorScheme, viewport: { width, height: 800 }, hash: hashOf(OVER) });
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    },
    3 * MINUTE,
  );

  it('shows hostile words, and runs none', async () => {
    const hostile = '</script><script>window.ran = 1</script><img src=x onerror="window.ran = 2">\u202e<!--';
    const { page, errors, asked } = await show(
      pageData({ ...HOST, kernel: hostile, node: hostile, leftOut: { 'other-user': hostile }, cells: listening }),
    );
    expect(await page.evaluate('window.ran')).toBeUndefined();
    expect([errors, asked.length]).toEqual([[], 1]);
    const origin = await page.locator('#origin').textContent();
    expect(origin).toContain('</script><script>window.ran = 1</script>');
    expect(origin).toContain('\\u{202e}<!--');
    // Nor what an address says that somebody passes on.
    await page.goto(`${page.url().split('#')[0]}#${'x/'.repeat(7)}%E0%A4%A`);
    await page.goto(`${page.url().split('#')[0]}#${Array(8).fill('__proto__').join('/')}`);
    expect(await isChecked(page, 'Linux')).toBe(true);
    expect(errors).toEqual([]);
  });

  it('runs no script but its own', async () => {
    const html = htmlOf(data).replace('<main', '<script>window.ran = 1</script><main');
    const page = await browser().newPage();
    open = page;
    await page.setContent(html);
    expect(await page.evaluate('window.ran')).toBeUndefined();
    expect(await headline(page)).toContain('refused');
  });

  it('says where the rule predicts otherwise', async () => {
    const cells = listening.map((cell) => ({ ...cell, measured: { ...cell.measured, bind: 'EINVAL' } }));
    const { page } = await show(pageData({ ...HOST, cells }));
    expect(await headline(page)).toBe('The second socket is refused: EINVAL.');
    expect(await page.locator('.warning').textContent()).toContain('The rule predicts otherwise: bind EADDRINUSE');
  });
});
