// The stack of an error that begins where somebody called us: our own frames are nobody's concern.

// biome-ignore lint/complexity/noBannedTypes: whatever can be called.
type Callee = Function;

// Not by a string with a newline in it: dist/ has each file on one line (scripts/build.mjs).
const FIRST = /\n {4}at /;
const FIRST_LENGTH = 5;

/** The frames below a function that is running; undefined where the runtime does not tell, or has none. */
export function framesBelow(callee: Callee): string | undefined {
  const holder: { stack?: unknown } = {};
  if (typeof Error.captureStackTrace !== 'function') return undefined;
  Error.captureStackTrace(holder, callee);
  const { stack } = holder;
  // A program may have its own idea of a stack (Error.prepareStackTrace).
  const at = typeof stack === 'string' ? stack.search(FIRST) : -1;
  if (at === -1) return undefined;
  const frames = (stack as string).slice(at);
  // What loads a part of dist/ when it is first called has the same name.
  const next = frames.slice(1).search(FIRST) + 1;
  return next > 0 && frames.startsWith(`at ${callee.name} (${__dirname}`, FIRST_LENGTH) ? frames.slice(next) : frames;
}

/** The same error with these frames; without any, as it is. */
export function withFrames<E extends Error>(error: E, frames: string | undefined): E {
  const { stack } = error;
  if (frames === undefined || typeof stack !== 'string') return error;
  const at = stack.search(FIRST);
  error.stack = `${at === -1 ? stack : stack.slice(0, at)}${frames}`;
  return error;
}
