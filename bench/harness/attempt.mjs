// Runs one thing among others that are to come: what it throws, in a callback too, is its own failure.

/** What `run` promises, as `{ value }`, or what it or a callback of its throws meanwhile, as `{ error }`. */
export async function attempt(run) {
  let onFault;
  const fault = new Promise((_, reject) => {
    onFault = reject;
  });
  process.on('uncaughtException', onFault);
  try {
    return { value: await Promise.race([run(), fault]) };
  } catch (error) {
    return { error };
  } finally {
    process.off('uncaughtException', onFault);
  }
}
