// Reads what a binary is, needs and offers, whatever system it is for, with LLVM's tools.
import { run } from '../node-binaries.mjs';

/** @type {(text: string, pattern: RegExp) => string[]} */
const every = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

// `U bind@GLIBC_2.2.5`, `w __gmon_start__`, `0000000000004148 T napi_register_module_v1`
/** @param {string} file */
function elf(file) {
  const symbols = run('llvm-nm', ['--dynamic', file]);
  const imported = every(symbols, /^ +[Uw] (\S+)$/gm);
  return {
    imports: imported.map((symbol) => symbol.replace(/@.*/, '')),
    exports: every(symbols, /^\w+ [A-TV-Z] (\S+?)(?:@.*)?$/gm),
    glibc: every(imported.join('\n'), /@GLIBC_([\d.]+)$/gm),
  };
}

/** @param {string} file */
function macho(file) {
  const bound = run('llvm-objdump', ['--macho', '--bind', '--lazy-bind', '--weak-bind', file]);
  return {
    imports: every(bound, /^__\w+ .* _?(\S+)$/gm),
    exports: every(run('llvm-objdump', ['--macho', '--exports-trie', file]), /^0x\w+ +_(\S+)/gm),
    // Such symbols could be taken from another library of the process, or given to it.
    weak: every(bound, /^Weak bind table:\n.*\n((?:.+\n)+)/gm),
    isSigned: /LC_CODE_SIGNATURE/.test(run('llvm-objdump', ['--macho', '--private-headers', file])),
  };
}

/** @param {string} file */
function coff(file) {
  const tables = run('llvm-readobj', ['--coff-imports', '--coff-exports', file]);
  return {
    imports: every(tables, /^ {2}Symbol: (\S+)/gm),
    exports: every(tables, /^Export \{\n(?:.*\n)*? {2}Name: (\S+)/gm),
  };
}

/**
 * The format (`'elf64-x86-64'`), libraries, imported and exported symbols of a file.
 * @param {string} file
 */
export function inspect(file) {
  const headers = run('llvm-readobj', ['--file-headers', '--needed-libs', '--coff-imports', file]);
  const [format] = every(headers, /^Format: (.*)$/gm);
  const [needed = ''] = every(headers, /^NeededLibraries \[\n([^\]]*)\]/gm);
  const libraries = [...every(needed, /^ +(\S+)$/gm), ...every(headers, /^(?:Delay)?Import \{\n +Name: (\S+)/gm)];
  const read = format.startsWith('elf') ? elf : format.startsWith('Mach-O') ? macho : coff;
  return { format, libraries, glibc: [], weak: [], isSigned: false, ...read(file) };
}
