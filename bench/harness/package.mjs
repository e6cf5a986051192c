// Parts of this package that are not its exports: the path of what --require loads, and the addon.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const REGISTER = require.resolve('exactbind/register');

/**
 * The addon that the package has loaded: the very object, so that what replaces a function of it does so for the package.
 * @returns {import('../../lib/addon.ts').Addon}
 */
export const loadAddon = () => require('exactbind')[Symbol.for('exactbind.internals')]['lib/addon.ts'].addon;
