// Text for a terminal: colours where it has them, and columns.
import { styleText } from 'node:util';

// One at a time: Node 20 applies a list of them whatever the stream is.
type Format = Extract<Parameters<typeof styleText>[0], string>;

/** Colours where stdout is a terminal and the environment (NO_COLOR, FORCE_COLOR, TERM) does not say otherwise. */
export function styled(format: Format, text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

/** A line that is cut where the terminal ends. */
export function fitted(line: string): string {
  const characters = [...line];
  // A terminal that has not been told its size says 0.
  const width = process.stdout.columns || Number.POSITIVE_INFINITY;
  return characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : line;
}

/** A text in lines that leave room for an indent, 80 columns wide or what the terminal has less. */
export function wrapped(text: string, indent: number): string[] {
  const width = Math.max(20, Math.min(80, process.stdout.columns || 80) - indent);
  const lines: string[] = [];
  // What is quoted stays in one piece, so that it can be copied.
  for (const [word] of text.matchAll(/(?:[^\s"]|"[^"]*")+/g)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A title, and what stands below it for each item. */
export type Column<T> = readonly [title: string, cell: (item: T) => string];

/**
 * Aligned lines, the first of them the titles; without empty columns, and none wider than the terminal.
 * @param printable makes text that another user chose fit for a terminal
 */
export function tableLines<T>(
  columns: readonly Column<T>[],
  items: readonly T[],
  printable: (text: string) => string,
): string[] {
  let lines = new Array<string>(items.length + 1).fill('');
  for (const [title, cell] of columns) {
    const texts = items.map((item) => printable(cell(item)));
    if (texts.every((text) => text === '')) continue;
    const width = texts.reduce((most, { length }) => Math.max(most, length), title.length) + 2;
    lines = [title, ...texts].map((text, index) => lines[index] + text.padEnd(width));
  }
  const [titles = '', ...rows] = lines.map((line) => fitted(line.trimEnd()));
  return [styled('bold', titles), ...rows];
}
