// The command of this very copy of the package, as somebody can type it: never one that npx would fetch.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { commandFile } from '../addon.ts';
import { system } from '../platform.ts';

const NAME = system === 'windows' ? 'exactbind.cmd' : 'exactbind';

function isSame(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}

/** The link that a package manager has made, in the folder of a program or above it. */
function linkTo(root: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules');
    const link = join(modules, '.bin', NAME);
    if (existsSync(link) && isSame(join(modules, 'exactbind'), root)) return link;
    if (dirname(folder) === folder) return undefined;
  }
}

const quoted = (path: string) => (/\s/.test(path) ? `"${path}"` : path);

/** Seen from the folder of this process, unless that is far. */
function seen(path: string, from: string): string {
  const near = relative(from, path);
  return quoted(near === '' || near.startsWith(join('..', '..', '..')) ? path : near);
}

/** `node_modules/.bin/exactbind`; undefined where this copy has no command, as in a bundle. */
export function ownCommand(): string | undefined {
  const file = commandFile();
  if (file === undefined) return undefined;
  let here: string;
  try {
    here = process.cwd();
  } catch {
    // The folder has gone.
    return `node ${quoted(file)}`;
  }
  const link = linkTo(resolve(dirname(file), '..'), here);
  return link === undefined ? `node ${seen(file, here)}` : seen(link, here);
}
