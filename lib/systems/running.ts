// The operating systems by name, and the one that this is.
import { type System, system } from '../platform.ts';
import { darwin } from './darwin.ts';
import { linux } from './linux.ts';
import type { OperatingSystem, Rule } from './system.ts';
import { windows } from './windows.ts';

export const SYSTEMS: Readonly<Record<System, OperatingSystem>> = { linux, darwin, windows };

export const rule: Rule = SYSTEMS[system].rule;
export const policy: OperatingSystem['policy'] = SYSTEMS[system].policy;
