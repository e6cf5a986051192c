// Runs one thing among others that are to come: what it throws, in a callback too, is its own failure.

/**
 * What `run` promises, as `{ value }`, or what it or a callback of its throws meanwhile, as `{ error }`.
 * @template T
 * @param {() => Promise<T>} run
 * @returns {Promise<{ value: T, error?: undefined } | { value?: undefined, error: Error }>}
 */
export async function attempt(run) {
  /** @type {(error: unknown) => void} */
  let onFault = () => {};
  /** @type {Promise<never>} */
  const fault = new Promise((_, reject) => {
    onFault = reject;
  });
  process.on('uncaughtException', onFault);
  try {
    return { value: await Promise.race([run(), fault]) };
  } catch (error) {
    return { error: /** @type {Error} */ (error) };
  } finally {
    process.off('uncaughtException', onFault);
  }
}
