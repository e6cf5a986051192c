// Text that somebody else chose - names, command lines, files - made fit for a terminal, a log and JSON.

// Control characters (C0, C1), what turns the direction of a line around or is invisible, and ends of lines.
const UNFIT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** The same text with what must not reach a terminal as `\x1b` and `\u{202e}`. */
export function printable(text: string): string {
  return text.replace(UNFIT, escaped);
}

const PLAIN = /^[\p{L}\p{N}\p{M}_.+@:/~#=-]+$/u;

/** A name inside a sentence: quoted, unless nothing in it could be taken for the sentence's own. */
export function quotedName(name: string): string {
  return PLAIN.test(name) ? name : `"${printable(name).replaceAll('"', "'")}"`;
}
