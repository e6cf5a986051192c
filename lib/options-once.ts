// Reads the objects of a caller: each name once, from the object and its prototypes, never from Object.prototype.
import { URL } from 'node:url';
import { withRemedy, wrongType, wrongValue } from './errors.ts';
import { didYouMean, optionsIn } from './suggestions.ts';

/** What was read of an object: every name that it can have is an own property, so that no prototype shows through. */
export type Read<Options> = { readonly [Name in keyof Options]-?: Options[Name] | undefined };

/** The names of an options object: a table that does not compile while one is missing. */
export type Names<Options> = Readonly<Record<keyof Options, true>>;

const { getOwnPropertyDescriptor, getPrototypeOf, hasOwn } = Object;
const { ownKeys } = Reflect;

// Object.prototype of another realm (a vm context, Jest) is known by what only the end of a chain of objects has.
function isRoot(object: object): boolean {
  if (object === Object.prototype) return true;
  return getPrototypeOf(object) === null && hasOwn(object, 'hasOwnProperty') && hasOwn(object, 'isPrototypeOf');
}

function rootOf(object: object): object | undefined {
  let last = object;
  for (let next = getPrototypeOf(last); next !== null; next = getPrototypeOf(last)) last = next;
  return isRoot(last) ? last : undefined;
}

/** Whether an object has a property by itself, or by a prototype that is not Object.prototype. */
export function hasName(object: object, name: PropertyKey): boolean {
  for (let at: object | null = object; at !== null && !isRoot(at); at = getPrototypeOf(at)) {
    if (hasOwn(at, name)) return true;
  }
  return false;
}

function valueAt(object: object, root: object | undefined, name: PropertyKey): unknown {
  if (root !== undefined && hasOwn(root, name) && !hasName(object, name)) return undefined;
  return (object as Record<PropertyKey, unknown>)[name];
}

/** Reads these names of an object, each once; others are left alone. */
export function readOnce<Options extends object>(options: Options, names: Names<Options>): Read<Options> {
  const root = rootOf(options);
  // A copy has the names as its own, so that what is assigned meets no setter of a prototype.
  const read: Record<string, unknown> = { ...names };
  for (const name in names) if (hasOwn(names, name)) read[name] = valueAt(options, root, name);
  return read as Read<Options>;
}

// Enumerable where a class was written as an object with a constructor.
const INNATE = new Set(
  ownKeys(Object.prototype).filter((name) => !getOwnPropertyDescriptor(Object.prototype, name)?.enumerable),
);

function notOptions(value: unknown): Error {
  return withRemedy(wrongType('options', 'of type object', value), optionsIn(value));
}

/**
 * Refuses names that an options object cannot have.
 * @param foreign why not, for those that are known from elsewhere
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 */
export function refuseOthers<Options extends object>(
  options: Options,
  names: Names<Options>,
  foreign: Readonly<Record<string, string>> = {},
): void {
  if (typeof options !== 'object' || options === null) throw notOptions(options);
  for (const name in options) {
    if (hasOwn(names, name) || INNATE.has(name)) continue;
    const value = hasName(options, name) ? (options as Record<string, unknown>)[name] : undefined;
    if (value === undefined) continue;
    // It has a host and a port, but not those that are meant.
    if (options instanceof URL) throw notOptions(options);
    const known = hasOwn(foreign, name) ? (foreign[name] as string) : undefined;
    throw wrongValue(`options.${name}`, value, known ?? `is not an option${didYouMean(name, Object.keys(names))}`);
  }
}

/** Reads an options object, and refuses the names that `refuseOthers()` refuses. */
export function readOptions<Options extends object>(
  options: Options,
  names: Names<Options>,
  foreign?: Readonly<Record<string, string>>,
): Read<Options> {
  refuseOthers(options, names, foreign);
  return readOnce(options, names);
}

// A getter of a class is not enumerable; its methods are not either, and are no options.
function isListed(object: object, name: string, isPrototype: boolean): boolean {
  const found = getOwnPropertyDescriptor(object, name);
  return found !== undefined && (found.enumerable === true || (isPrototype && hasOwn(found, 'get')));
}

/** Reads whatever an object has besides some names, each once. */
export function readAll(object: object, besides: object = {}): [name: string, value: unknown][] {
  const names = new Set<string>();
  for (let at: object | null = object; at !== null && !isRoot(at); at = getPrototypeOf(at)) {
    for (const name of ownKeys(at)) {
      if (typeof name === 'string' && !hasOwn(besides, name) && isListed(at, name, at !== object)) names.add(name);
    }
  }
  return Array.from(names, (name) => [name, (object as Record<string, unknown>)[name]]);
}
