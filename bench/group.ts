// What a group of the benchmarks is: what measures it, what it answers, and how the page shows that.

/** One variant against another of the same rounds, by their names among the samples. */
export interface Comparison {
  name: string;
  baseline: string;
  /** The page shows ours minus theirs, not ours by theirs. */
  difference?: boolean;
  higherIsBetter?: boolean;
  /** A matter of the machine's size or timers: not compared with another machine's. */
  machineBound?: boolean;
  /** Counted, not timed: one round is all that there is to know. */
  isExact?: boolean;
  target?: { ratio?: number; difference?: number };
}

export interface Compared extends Comparison {
  ours: number[];
  theirs: number[];
}

export type Samples = Record<string, number[]>;

/** What is not measured here, and why. */
export type LeftOut = Record<string, string>;

/** What every group may answer; each has more of its own. */
export interface Figures {
  /** Why nothing was measured. */
  skipped?: string;
  /** Of the samples: `'ns'`, `'us'`, `'ms'`, `'bytes'` or a word. */
  unit?: string;
  samples?: Samples;
  comparisons?: Comparison[];
  leftOut?: LeftOut;
}

/** One whose samples were taken. */
export interface Timed extends Figures {
  samples: Samples;
}

export type Group = (how: { quick: boolean }) => Promise<Figures>;

/** The median, and what its range is drawn from. */
export type Point = [at: string | number, median: number, low?: number, high?: number];

export interface Series {
  name: string;
  points: Point[];
  /** A stroke across the bar instead of a bar. */
  mark?: boolean;
}

export interface Axis {
  name: string;
  log?: boolean;
  max?: number;
}

export interface Plot {
  name: string;
  kind: 'bar' | 'line';
  title: string;
  x: Axis & { categories?: string[] };
  y: Axis;
  series: Series[];
}

/** How the page shows a group. Without `lines` it holds the tables of its samples and comparisons. */
export interface Report<Result = Figures> {
  title: string;
  note: string;
  lines?(result: Result): string[];
  /** Where they do not follow from the group's own. */
  comparisons?(result: Result): Compared[];
  plots?(result: Result): Plot[];
}

/** What a module of a family exports: its groups, and how the page shows each. */
export interface Family {
  groups: Record<string, Group>;
  reports: Record<string, Report>;
}

/** A group as bench/results/ keeps it. */
export interface Kept extends Figures {
  date: string;
  /** Null in a copy without its history. */
  commit: string | null;
  loadBefore: number;
}

export interface Machine {
  os: string;
  kernel: string;
  arch: string;
  cpu: string;
  cpus: number;
  memory: string;
  node: string;
}

export interface Results {
  machine: Machine;
  groups: Record<string, Kept>;
}
