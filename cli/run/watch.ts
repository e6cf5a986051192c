// Changed files: what exactbind run --watch waits for.
import type { FSWatcher } from 'chokidar';

// Editors write in several steps, and a build writes many files.
const QUIET = 100;

// What changes by itself, and what a program writes while it runs.
const IGNORED = /(^|[\\/])(node_modules|\.git)([\\/]|$)/;

/** Calls back once what has changed is quiet again. The watcher is returned once it watches. */
export async function watchFiles(paths: readonly string[], onChange: (path: string) => void): Promise<FSWatcher> {
  // Loaded by whoever watches, and by nobody else.
  const { watch } = await import('chokidar');
  const watcher = watch([...paths], { ignoreInitial: true, ignored: (path) => IGNORED.test(path) });
  let timer: NodeJS.Timeout | undefined;
  watcher.on('all', (_, path) => {
    clearTimeout(timer);
    timer = setTimeout(onChange, QUIET, path);
  });
  await new Promise<void>((resolve, reject) => {
    watcher.once('ready', () => resolve());
    watcher.once('error', reject);
  });
  return watcher;
}
