// Chooses the policy of the running system.
import { type System, system } from '../platform.ts';
import { darwinPolicy } from './darwin.ts';
import { linuxPolicy } from './linux.ts';
import type { Policy, PolicyRequest, Unsupported } from './policy.ts';
import { windowsPolicy } from './windows.ts';

const POLICIES: Record<System, (request: PolicyRequest) => Policy | Unsupported> = {
  linux: linuxPolicy,
  darwin: darwinPolicy,
  windows: windowsPolicy,
};

export const policyFor: (request: PolicyRequest) => Policy | Unsupported = POLICIES[system];
