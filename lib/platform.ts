// The one place that translates Node's names of operating systems into the project's.

/** The operating systems that have a policy, by the name of their folder in this project. */
export type System = 'linux' | 'darwin' | 'windows';

const SYSTEMS: Partial<Record<NodeJS.Platform, System>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };

function detect(): System {
  const found = SYSTEMS[process.platform];
  if (found !== undefined) return found;
  throw Object.assign(new Error(`exactbind has no bind policy for ${process.platform}`), { code: 'ENOTSUP' });
}

export const system: System = detect();
