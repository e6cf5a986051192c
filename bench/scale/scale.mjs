// The groups of a large machine: what calls cost as its sockets, its processes and the listeners of one process grow.
import { fileURLToPath } from 'node:url';
import { isPossible, printedBy } from '../harness/alone.mjs';
import { growing, timings } from './report.mjs';
import { explained } from './report-explained.mjs';
import { lines, listenerTimings, plots } from './report-listeners.mjs';

/**
 * @import { Figures, LeftOut } from '../group.ts'
 */

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @template Scenes
 * @param {{ scenes: Record<string, Scenes>, leftOut: LeftOut }} measured
 * @param {(scenes: Record<string, Scenes>) => Figures} timingsOf
 * @returns {Figures}
 */
function result({ scenes, leftOut }, timingsOf) {
  const [reason] = Object.values(leftOut);
  return Object.keys(scenes).length === 0 ? { skipped: reason } : { unit: 'ns', ...timingsOf(scenes), leftOut };
}

/** @type {(kind: string) => import('../group.ts').Group} */
const growingGroup =
  (kind) =>
  async ({ quick }) => {
    if (!isPossible) return { skipped: 'network and pid namespaces take root on Linux' };
    return result(printedBy(path('growing.mjs'), [kind, JSON.stringify(quick)]), (scenes) => timings(scenes, kind));
  };

/** @param {{ quick: boolean }} how */
async function listenersGroup({ quick }) {
  return result(printedBy(path('listeners.mjs'), [JSON.stringify(quick)]), listenerTimings);
}

/** @param {{ quick: boolean }} how */
async function explainedGroup({ quick }) {
  if (!isPossible) return { skipped: 'network and pid namespaces take root on Linux' };
  return { unit: 'ns', ...printedBy(path('explained.mjs'), [quick ? '3' : '300']) };
}

export const groups = {
  sockets: growingGroup('sockets'),
  processes: growingGroup('processes'),
  listeners: listenersGroup,
  explained: explainedGroup,
};

const ASKED =
  'A plain `server.listen()` and a BoundSocket are opened on port 0 and closed; both are refused a port that another ' +
  'process has, and the BoundSocket says who; that port and a free one are inspected. The listening processes are started ' +
  'last, which is the slowest case for a search of /proc, and the calls alternate between two of them. An error looks for processes for 100 ms of CPU at most, `inspectPortSync()` ' +
  'until it has found them. `listen()` looks on another thread: its main thread is busy with the rest alone.';

export const reports = {
  sockets: {
    title: 'As the sockets of the machine grow',
    note: `Connections of other processes in the same network namespace, each of them two sockets, at most 10,000 a process. ${ASKED}`,
    ...growing('sockets', 'A call among so many sockets'),
  },
  processes: {
    title: 'As the processes of the machine grow',
    note: `Processes of 20 descriptors each, in a pid namespace of their own. ${ASKED}`,
    ...growing('processes', 'A call among so many processes'),
  },
  listeners: {
    title: 'Many listeners in one process',
    note:
      'Each figure is of a process of its own. On ports that are free and given, and on port 0, where the kernel searches: ' +
      'on Linux for a socket with `SO_REUSEADDR`, which Node sets before bind, in one half of the ephemeral ports first, where ' +
      'few are left by then (`inet_csk_find_open_port()`). Then one more is opened and closed beside them, and one of them inspected. Memory ' +
      'is the resident memory that they add, after a collection of garbage, the growth of the heap ' +
      'with it; what the kernel keeps is not in it.',
    lines,
    plots,
  },
  explained: {
    title: 'A refusal that says who',
    note:
      'Each way is refused a port that a process of the crowd has, 300 times. The machine is quiet; then it has 100 processes of ' +
      '20 descriptors more; then 150 of 50, and eight endless loops for each processor. The main thread is busy for as long as ' +
      '`performance.eventLoopUtilization()` says; that of `new BoundSocket`, which throws, for all of the time. On a busy machine ' +
      'it is not running all the while that it is busy.',
    ...explained,
  },
};
