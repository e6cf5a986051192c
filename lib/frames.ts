// The stack of an error begins at whoever called this package: our own frames are nobody's concern.

// biome-ignore lint/complexity/noBannedTypes: whatever can be called.
type Callee = Function;

/** The frames of a call, which cost their text only when somebody asks for it; undefined where the runtime shows none. */
export type Frames = () => string | undefined;

// Not by a string with a newline in it: dist/ has each file on one line (scripts/build.mjs).
const FIRST = /\n {4}at /;
const NEXT = /(?=\n {4}at )/;
// Of the runtime itself: frames that say nothing while they stand above the caller's.
const RUNTIMES = /\(<anonymous>\)$|^\n {4}at (?:.*\()?node:/;

// How deep this package goes below its caller, at most.
const OWN_DEPTH = 40;

let folder: string | undefined;

/** The folder of the package's code; in a bundle none, because the program's own code is in the same file. */
function ownFolder(): string {
  folder ??= isInPackage() ? __dirname : '';
  return folder;
}

function isInPackage(): boolean {
  try {
    return process.getBuiltinModule('node:fs').existsSync(`${__dirname}/bundled-handover.mjs`);
  } catch {
    // The permission model may refuse the look: then no frame is hidden.
    return false;
  }
}

function isOwn(frame: string): boolean {
  const own = ownFolder();
  if (own === '') return false;
  const at = frame.indexOf(own);
  return at !== -1 && (frame[at + own.length] === '/' || frame[at + own.length] === '\\');
}

/** These frames without our own, and without what the runtime has between ours and the caller's. */
function shorten(stack: string, limit: number): string {
  const at = stack.search(FIRST);
  const theirs = stack
    .slice(at)
    .split(NEXT)
    .filter((frame) => !isOwn(frame));
  const first = theirs.findIndex((frame) => !RUNTIMES.test(frame));
  const [from, to] = [Math.max(first, 0), Math.max(first, 0) + limit];
  return stack.slice(0, at) + theirs.slice(from, to).join('');
}

/** Captures the stack of an object, as many frames deep as it takes to see the caller; returns the limit that holds. */
function capture(holder: object, callee?: Callee): number {
  const { stackTraceLimit: limit } = Error;
  // A program that wants none has none; whatever else it has put there is its own concern.
  const isDeeper = typeof limit === 'number' && limit > 0 && Reflect.set(Error, 'stackTraceLimit', limit + OWN_DEPTH);
  try {
    Error.captureStackTrace(holder, callee);
  } finally {
    if (isDeeper) Error.stackTraceLimit = limit;
  }
  return typeof limit === 'number' ? limit : 0;
}

/** Gives an error the stack of this moment, which begins at whoever called this package. */
export function atCaller<E extends Error>(error: E): E {
  if (typeof Error.captureStackTrace !== 'function') return error;
  const limit = capture(error);
  const { stack } = error;
  // A program may have its own idea of a stack (Error.prepareStackTrace).
  if (typeof stack === 'string' && FIRST.test(stack)) error.stack = shorten(stack, limit);
  return error;
}

/** The frames below a function that is running. */
export function framesBelow(callee: Callee): Frames {
  if (typeof Error.captureStackTrace !== 'function') return () => undefined;
  const holder: { stack?: unknown } = {};
  const limit = capture(holder, callee);
  return () => {
    const { stack } = holder;
    const at = typeof stack === 'string' ? stack.search(FIRST) : -1;
    return at === -1 ? undefined : shorten((stack as string).slice(at), limit);
  };
}

/** The same error with these frames; without any, as it is. */
export function withFrames<E>(error: E, frames: Frames): E {
  if (!(error instanceof Error)) return error;
  const { stack } = error;
  const known = frames();
  if (known === undefined || typeof stack !== 'string') return error;
  const at = stack.search(FIRST);
  error.stack = `${at === -1 ? stack : stack.slice(0, at)}${known}`;
  return error;
}

/** The outcome of what a function has begun; its error begins at whoever called that function, who is still there to be seen. */
export async function endsAt<T>(callee: Callee, work: Promise<T>): Promise<T> {
  const frames = framesBelow(callee);
  try {
    return await work;
  } catch (error) {
    throw withFrames(error, frames);
  }
}
