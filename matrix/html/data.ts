// What the page of the matrix shows, small: a row for each first socket, a character for each second, and what they mean.
import { type Protocol, printable } from '../../lib/door.ts';
import {
  ADDRESSES,
  agrees,
  type Cell,
  type CellOwner,
  type CellSharing,
  firstSockets,
  KEYS,
  type MatrixSystem,
  type Outcome,
  outcomeOf,
  PROTOCOLS,
  type Results,
  SHARINGS,
  STATES,
  secondSockets,
} from '../cells.ts';
import { type Foretold, foretell, type Machine } from '../predict.ts';
import { reasonOf } from '../reasons.ts';
import { MATRIX_RULES } from '../systems.ts';
import { EXAMPLES, WORDS } from './words.ts';

/** The machine that was measured. */
export interface Host {
  readonly os: MatrixSystem;
  readonly kernel: string;
  readonly arch: string;
  readonly node: string;
  /** Of the measuring process; null on Windows. */
  readonly uid: number | null;
  /** The addresses and owners that this machine lacks, and why. */
  readonly leftOut: Readonly<Record<string, string>>;
}

/** bind(), listen(), the first's listen(), who receives; and the numbers of their reasons, -1 without one. */
type Values = readonly (string | null)[];

/** What a character of a row means; `predicted` where the rule says something else than what was measured. */
interface Entry {
  readonly outcome: Outcome;
  readonly values: Values;
  readonly reasons: readonly number[];
  readonly predicted?: Values;
}

interface PageSystem {
  readonly os: MatrixSystem;
  readonly title: string;
  readonly isMeasured: boolean;
  /** What was measured, or that it was not, in a sentence. */
  readonly origin: string;
  readonly leftOut: readonly string[];
  readonly sharings: readonly CellSharing[];
  readonly owners: readonly CellOwner[];
  readonly seconds: readonly string[];
  readonly legend: readonly Entry[];
  readonly rows: Readonly<Record<string, string>>;
}

/** All that the page knows. */
export interface PageData {
  readonly addresses: readonly string[];
  /** The characters of the rows, by their place in a legend. */
  readonly alphabet: string;
  readonly states: Readonly<Record<Protocol, readonly string[]>>;
  readonly words: typeof WORDS;
  readonly examples: typeof EXAMPLES;
  readonly systems: readonly PageSystem[];
  readonly reasons: readonly (readonly [text: string, name: string, where: string, url: string])[];
}

const TITLES: Readonly<Record<MatrixSystem, string>> = {
  linux: 'Linux',
  darwin: 'macOS',
  windows: 'Windows',
  wine: 'Wine',
};

const PREDICTED = ['linux', 'darwin', 'windows'] as const;
const OWNERS: readonly CellOwner[] = ['same-process', 'other-process', 'other-user'];
// Of an ordinary user, whom the rules of macOS keep from more than root.
const ANY_MACHINE: Machine = { addresses: ADDRESSES, own: 501, other: 502 };

/** The machine as a rule sees it. */
export function machineOf({ uid, leftOut }: Pick<Host, 'uid' | 'leftOut'>): Machine {
  return {
    addresses: ADDRESSES.filter((address) => !(address in leftOut)),
    own: uid ?? 0,
    other: uid === null ? 0 : -1,
  };
}

// Neither what HTML nor what JSON escapes.
const CHARACTERS = Array.from({ length: 0x5f }, (_, index) => String.fromCharCode(0x20 + index)).filter(
  (character) => !'"\\<>&'.includes(character),
);
const characterOf = (index: number) => CHARACTERS[index] ?? String.fromCharCode(0xc0 + index - CHARACTERS.length);

/** The place of each in the order in which they came. */
class Numbered<T> {
  readonly all: T[] = [];
  readonly #places = new Map<string, number>();

  /** @param key the same for what is the same */
  place(key: string, make: () => T): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.all.length);
    return this.all.push(make()) - 1;
  }
}

type Reasons = Numbered<PageData['reasons'][number]>;

const valuesOf = (results: Results): Values => KEYS.map((key) => results[key]);

/** What was found of a pair, and what the rule says. */
interface Pair extends Pick<Cell, 'protocol' | 'first' | 'second'> {
  readonly measured: Results;
  readonly foretold: Foretold;
}

/** The place of an entry in the legend. */
function place(
  os: MatrixSystem,
  { protocol, measured, foretold }: Pair,
  legend: Numbered<Entry>,
  known: Reasons,
): number {
  const { results, because } = foretold;
  const values = valuesOf(measured);
  const outcome = outcomeOf(measured);
  // A rule that is wrong has no reasons to give.
  if (!agrees({ measured, predicted: results })) {
    const predicted = valuesOf(results);
    const reasons = KEYS.map(() => -1);
    return legend.place([values, predicted].join(' '), () => ({ outcome, values, reasons, predicted }));
  }
  const causes = because();
  const reasons = KEYS.map((key) => {
    const cause = causes[key];
    if (cause === null) return -1;
    return known.place([os, key, protocol, cause.family, cause.by].join(' '), () => {
      const { text, source } = reasonOf(os, { key, protocol, because: cause });
      return [text, source.name, source.where, source.url];
    });
  });
  return legend.place([values, reasons].join(' '), () => ({ outcome, values, reasons }));
}

type Folded = Pick<PageSystem, 'seconds' | 'legend' | 'rows'>;

function fold(os: MatrixSystem, pairs: Iterable<Pair>, known: Reasons): Folded {
  const legend = new Numbered<Entry>();
  const seconds = new Set<string>();
  const rows: Record<string, string> = {};
  for (const pair of pairs) {
    const { protocol, first, second } = pair;
    seconds.add([second.owner, second.sharing, second.address].join(' '));
    const key = [protocol, first.state, first.sharing, first.address].join(' ');
    rows[key] = (rows[key] ?? '') + characterOf(place(os, pair, legend, known));
  }
  return { seconds: [...seconds], legend: legend.all, rows };
}

function* measuredPairs(os: MatrixSystem, cells: readonly Cell[], machine: Machine): Generator<Pair> {
  for (const { protocol, first, second, measured } of cells) {
    yield { protocol, first, second, measured, foretold: foretell(MATRIX_RULES[os], protocol, first, second, machine) };
  }
}

/** Every pair of a system that nobody has measured here. */
function* predictedPairs(os: MatrixSystem): Generator<Pair> {
  const seconds = secondSockets(SHARINGS[os], ADDRESSES, OWNERS);
  for (const protocol of PROTOCOLS) {
    for (const first of firstSockets(protocol, SHARINGS[os], ADDRESSES)) {
      for (const second of seconds) {
        const foretold = foretell(MATRIX_RULES[os], protocol, first, second, ANY_MACHINE);
        yield { protocol, first, second, measured: foretold.results, foretold };
      }
    }
  }
}

function asUser(uid: number | null): string {
  if (uid === null) return '';
  return uid === 0 ? ', as root' : `, as user ${uid}`;
}

/** What was measured, beside what the rules of the other systems predict. */
export function pageData(host: Host & { readonly cells: readonly Cell[] }): PageData {
  const known: Reasons = new Numbered();
  const others = PREDICTED.filter((os) => os !== host.os);
  const kernel = printable(`${host.os === 'wine' ? 'Wine' : host.kernel} ${host.arch}, Node ${host.node}`);
  const measured: PageSystem = {
    os: host.os,
    title: TITLES[host.os],
    isMeasured: true,
    origin: `Measured on ${kernel}${asUser(host.uid)}.`,
    leftOut: Object.entries(host.leftOut).map(([what, why]) => printable(`${what}: ${why}`)),
    sharings: SHARINGS[host.os],
    owners: OWNERS.filter((owner) => host.cells.some(({ second }) => second.owner === owner)),
    ...fold(host.os, measuredPairs(host.os, host.cells, machineOf(host)), known),
  };
  const predicted = others.map(
    (os): PageSystem => ({
      os,
      title: TITLES[os],
      isMeasured: false,
      origin: 'Predicted by the rule, for an ordinary user. Not measured.',
      leftOut: [],
      sharings: SHARINGS[os],
      owners: OWNERS,
      ...fold(os, predictedPairs(os), known),
    }),
  );
  const systems = [measured, ...predicted];
  const most = Math.max(...systems.map(({ legend }) => legend.length));
  const alphabet = Array.from({ length: most }, (_, index) => characterOf(index)).join('');
  return {
    addresses: ADDRESSES,
    alphabet,
    states: STATES,
    words: WORDS,
    examples: EXAMPLES,
    systems,
    reasons: known.all,
  };
}
