// The numbers of levels, options, families and types on this system.
import { addon } from '../addon.ts';
import type { ConstantName } from './values.ts';

/**
 * The numbers of this system's levels, options, families and types, by the kernel's names; undefined for a name that it
 * lacks. They come from the headers of the system that the addon was compiled for, or else from the generic headers.
 */
export const constants: { readonly [Name in ConstantName]?: number } = Object.freeze(addon.constants);
