// The rule of each system, and of the running one.
import { type System, system } from '../platform.ts';
import { darwinRule } from './darwin.ts';
import { linuxRule } from './linux.ts';
import type { Rule } from './rule.ts';
import { windowsRule } from './windows.ts';

export const RULES: Readonly<Record<System, Rule>> = { linux: linuxRule, darwin: darwinRule, windows: windowsRule };

/** The rule of the running system. */
export const rule: Rule = RULES[system];
