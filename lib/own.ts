// Asks objects for what is their own, and makes some that have nothing else: Object.prototype may have anything in it.

/** Whether an object has a property itself; of a union, it is then one of those that declare it. */
export const has = Object.hasOwn as <T extends object, Name extends string>(
  object: T,
  name: Name,
) => object is Extract<T, { readonly [Key in Name]: unknown }>;

/** A property that an object has itself. */
export function own<T extends object, Name extends keyof T>(object: T, name: Name): T[Name] | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The same properties on an object without a prototype, where what is absent is absent. */
export function bare<T extends object>(object: T): T {
  return Object.assign(Object.create(null), object);
}

/** The same of everything inside. */
export function bareInside<T>(value: T): T {
  if (Array.isArray(value)) return value.map(bareInside) as T;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const inside = Object.entries(value).map(([name, one]) => [name, bareInside(one)]);
  // Unlike Object.create(null), this stays as quick to read as any object.
  return Object.setPrototypeOf(Object.fromEntries(inside), null);
}

/** Gives an object properties of its own, past any setter of its prototypes. */
export function give<T extends object, More extends object>(object: T, more: More): T & More {
  for (const [name, value] of Object.entries(more)) {
    Object.defineProperty(object, name, bare({ value, configurable: true, enumerable: true, writable: true }));
  }
  return object as T & More;
}
