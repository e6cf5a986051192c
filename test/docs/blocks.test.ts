// Every block of code in README and docs runs as it stands, and prints what it says that it prints.
import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf, PAGES, read } from '../fixtures/docs/markdown.ts';
import { comparable, hold, Ports, project, type Ran, runBlock, runConsole } from '../fixtures/docs/run.ts';

import { type Need, needs } from '../fixtures/needs.ts';
import { describeOn } from '../fixtures/systems.ts';

/** What a block is marked with, and why nobody runs it. */
const MARKS = ['shown', 'file', 'holder', 'exit', 'needs'];
const GENERATED = /^docs\/api\.md$/;

const blocks = PAGES.filter((page) => !GENERATED.test(page)).flatMap(blocksOf);
const isRun = ({ language, marks }: Block) => /^(js|ts|sh|console)$/.test(language) && !marks.has('shown');

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** `console.log(port); //=> 3000`: what a line prints. */
const promised = (code: string) => [...code.matchAll(/\/\/=> (.*)$/gm)].map(([, text]) => comparable(text as string));

function check(block: Block, { code, stdout, stderr }: Ran): void {
  expect({ code: String(code), stderr: block.marks.has('exit') ? '' : stderr }).toEqual({
    code: block.marks.get('exit') ?? '0',
    stderr: '',
  });
  const printed = comparable(`${stdout}${stderr}`)
    .split('\n')
    .map((line) => line.trim());
  const wanted = promised(block.code);
  expect(
    printed.filter((line) => wanted.includes(line)),
    stdout,
  ).toEqual(wanted);
}

async function run(block: Block): Promise<void> {
  const { marks } = block;
  const wanted = marks.get('needs');
  if (wanted !== undefined) needs(...(wanted.split(',').map((name) => name.trim()) as Need[]));
  const held = marks.get('holder');
  const ports = new Ports([block.code, held ?? '', '3000']);
  const folder = project();
  folders.push(folder);
  const release = held === undefined ? () => {} : await hold(ports.of(held));
  try {
    if (block.language !== 'console') check(block, await runBlock(folder, block, ports));
    else
      for (const [command, expected, { stdout, stderr }] of await runConsole(folder, block, ports)) {
        expect({ command, printed: comparable(`${stdout}${stderr}`) }).toEqual({
          command,
          printed: comparable(expected),
        });
      }
  } finally {
    release();
  }
}

describeOn('linux', 'darwin')('the code in', () => {
  for (const block of blocks.filter(isRun)) {
    it(`${block.page}, line ${block.line}, runs`, () => run(block));
  }
});

/** What is no program, and which test reads it. */
const READ = new Map([
  ['ini', 'test/handover/systemd-docs.test.ts'],
  ['xml', 'test/handover/systemd-docs.test.ts'],
  ['json', 'test/cli/ports.test.ts and doctor.test.ts'],
  ['text', 'nobody: what a command prints'],
]);

/** Code by its indentation alone, which nobody would run. */
function indented(page: string): string[] {
  const found = read(page).matchAll(/^(?![-*\d\s|>])[^\n]*\n\n( {4}\S[^\n]*)/gm);
  return [...found].map(([, line = '']) => `${page}: ${line.trim()}`);
}

describe('a block', () => {
  it('is a program that runs, or is read by another test', () => {
    const others = blocks.filter((block) => !isRun(block) && !block.marks.has('shown') && !block.marks.has('file'));
    const unread = others.filter(({ page, language }) => !READ.has(language) && page !== 'prebuilds/README.md');
    expect(unread.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
    const pages = PAGES.filter((page) => !GENERATED.test(page) && !/^docs\/(decisions\/|reliability\.md)/.test(page));
    expect(pages.flatMap(indented)).toEqual([]);
  });

  it('has no mark that nobody reads', () => {
    const unknown = blocks.flatMap(({ page, line, marks }) =>
      [...marks.keys()].filter((mark) => !MARKS.includes(mark)).map((mark) => `${page}:${line} ${mark}`),
    );
    expect(unknown).toEqual([]);
  });

  it('that is only shown says why, and few are', () => {
    const shown = blocks.filter(({ marks }) => marks.has('shown'));
    expect(shown.filter(({ marks }) => (marks.get('shown') ?? '').length < 8)).toEqual([]);
    expect(shown.length).toBeLessThanOrEqual(blocks.filter(isRun).length / 2);
  });
});
