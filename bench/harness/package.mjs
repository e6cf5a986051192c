// Parts of this package that are not its exports: the path of what --require loads, and the addon.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

export const REGISTER = require.resolve('exactbind/register');

/**
 * The addon that the package has loaded, or will.
 * @returns {import('../../lib/addon.ts').Addon}
 */
export const loadAddon = () => require('node-gyp-build')(fileURLToPath(new URL('../..', import.meta.url)));
