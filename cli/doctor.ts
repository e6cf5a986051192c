// exactbind doctor: what can be relied on here, why, and what to do about the rest.
import { Command } from 'commander';
import type { Facts, ModePromise } from '../lib/door.ts';
import { EXIT } from './exit.ts';
import type { Finding, Level } from './findings.ts';
import { findingsOf } from './findings-process.ts';
import { styled, wrapped } from './terminal.ts';

/** Of the JSON: changed where a name goes or changes its meaning, never where one is added. */
const SCHEMA = 1;

const COLOUR = { ok: 'green', note: 'yellow', problem: 'red' } as const satisfies Record<Level, string>;
const WIDTH = 9;
const INDENT = ' '.repeat(WIDTH);

function findingLines({ level, sentence, remedy }: Finding): string[] {
  const [first = '', ...rest] = wrapped(sentence, WIDTH);
  const lines = [`${styled(COLOUR[level], level.padEnd(WIDTH))}${first}`, ...rest.map((line) => INDENT + line)];
  if (remedy === undefined) return lines;
  const [what = '', ...more] = wrapped(remedy, WIDTH + 2);
  return [...lines, `${INDENT}→ ${what}`, ...more.map((line) => `${INDENT}  ${line}`)];
}

const kindOf = ({ sharing, protocol, host, ipv6Only }: ModePromise) => `${sharing} ${protocol} ${host} ${ipv6Only}`;

const PLACES: Readonly<Record<string, string>> = { '127.0.0.1': 'one IPv4 address', '::1': 'one IPv6 address' };

function placeOf({ host, ipv6Only }: ModePromise): string {
  if (ipv6Only) return ':: (IPv6 alone)';
  return PLACES[host] ?? (host === '::' ? ':: (both families)' : host);
}

type Cell = Pick<ModePromise, 'exclusivity' | 'caveat' | 'reason'>;

const CELL = 13;

/** A line for each kind of bind, with the number of the sentence below that says what is left open. */
class Promises {
  readonly reasons: string[] = [];
  readonly guarded: ReadonlyMap<string, ModePromise>;
  readonly plain: readonly ModePromise[];

  constructor(promises: readonly ModePromise[]) {
    this.plain = promises.filter(({ guard }) => !guard);
    this.guarded = new Map(promises.filter(({ guard }) => guard).map((one) => [kindOf(one), one]));
  }

  cell(one: Cell | undefined): string {
    if (one === undefined) return ' '.repeat(CELL);
    const { exclusivity, caveat, reason = caveat } = one;
    if (reason !== undefined && !this.reasons.includes(reason)) this.reasons.push(reason);
    const mark = reason === undefined ? '' : ` [${this.reasons.indexOf(reason) + 1}]`;
    const word = exclusivity ?? 'not here';
    return `${styled(exclusivity === null ? 'red' : exclusivity === 'full' ? 'green' : 'yellow', word)}${mark}${' '.repeat(Math.max(0, CELL - word.length - mark.length))}`;
  }

  lines(): string[] {
    const groups = new Map<string, ModePromise[]>();
    for (const one of this.plain) {
      const title = `${one.sharing.padEnd(15)}${one.protocol.toUpperCase().padEnd(5)}`;
      groups.set(title, [...(groups.get(title) ?? []), one]);
    }
    return [...groups].flatMap(([title, ones]) => {
      const cells = ones.map((one) =>
        [one, this.guarded.get(kindOf(one)), one.overLeftovers]
          .map((cell) => this.cell(cell))
          .join('')
          .trimEnd(),
      );
      const areAlike = cells.every((cell) => cell === cells[0]);
      const places = areAlike ? ['every address'] : ones.map(placeOf);
      return places.map((place, at) => `${at === 0 ? title : ' '.repeat(title.length)}${place.padEnd(20)}${cells[at]}`);
    });
  }

  notes(): string[] {
    return this.reasons.flatMap((reason, index) => {
      const [first = '', ...rest] = wrapped(`${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`, 5);
      return [`${`[${index + 1}]`.padEnd(5)}${first}`, ...rest.map((line) => `     ${line}`)];
    });
  }
}

function promiseLines(promises: readonly ModePromise[]): string[] {
  const all = new Promises(promises);
  const titles = ['PROMISE', 'GUARD: TRUE', 'LEFTOVERS'].map((title) => title.padEnd(CELL)).join('');
  return [
    styled('bold', `${'SHARING'.padEnd(20)}${'ADDRESS'.padEnd(20)}${titles}`.trimEnd()),
    ...all.lines(),
    '',
    ...all.notes(),
  ];
}

interface Report {
  readonly schema: typeof SCHEMA;
  readonly version: string;
  readonly findings: readonly Finding[];
  /** Null where there is no binary to ask with. */
  readonly facts: Facts | null;
}

function textOf({ version, facts, findings }: Report): string {
  const { platform, arch } = process;
  const where = facts === null ? `${platform} ${arch}` : `${facts.system} ${facts.release} ${facts.arch}`;
  const promised = facts === null ? [] : ['', ...promiseLines(facts.promises)];
  return [
    `exactbind ${version}, ${where}, Node ${process.version}`,
    '',
    ...findings.flatMap(findingLines),
    ...promised,
  ].join('\n');
}

/** The one thing that is found where nothing else can be. */
function withoutBinary(error: Error): Finding[] {
  // Its last sentence says what to do.
  const [, sentence = error.message, remedy = ''] = /^(.*\.) (\S[^.]*(?:\.[^. ][^.]*)*)$/s.exec(error.message) ?? [];
  return [{ id: 'binary', level: 'problem', sentence, remedy }];
}

async function examine(version: string): Promise<Report> {
  const about = { schema: SCHEMA, version } as const;
  let door: typeof import('../lib/door.ts');
  try {
    door = await import('../lib/door.ts');
  } catch (error) {
    if (!(error instanceof Error) || !/^ERR_(EXACTBIND_NO_BINARY|DLOPEN_DISABLED)$/.test(codeOf(error))) throw error;
    return { ...about, findings: withoutBinary(error), facts: null };
  }
  const facts = await door.machineFacts();
  return { ...about, findings: findingsOf(facts, door.PRIVILEGE[facts.system]), facts };
}

const codeOf = (error: NodeJS.ErrnoException) => error.code ?? '';

export const doctor = new Command('doctor')
  .summary('report what you can rely on here, why, and what to do')
  .description(
    'Reports what each sharing mode promises on this machine, and what else matters: the binary, IPv6, ports that the ' +
      'system keeps, privileges, settings, what it sees of others, and the hook. It changes nothing.',
  )
  .option('--json', 'the findings and the facts as JSON (docs/doctor.md)')
  .addHelpText('after', '\nExit codes: 0 no problem, 1 a problem, 2 usage error, 3 unknown.')
  .action(async ({ json }: { json?: true }, command: Command) => {
    const report = await examine(command.parent?.version() ?? '');
    process.stdout.write(`${json ? JSON.stringify(report, undefined, 2) : textOf(report)}\n`);
    process.exitCode = report.findings.some(({ level }) => level === 'problem') ? EXIT.no : EXIT.yes;
  });
