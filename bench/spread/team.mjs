// Starts the workers that serve one port, and ends them.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ask, askAll, end, hears } from '../harness/ask.mjs';

/**
 * @import { ChildProcess, ForkOptions } from 'node:child_process'
 * @import { Variant } from './variants.mjs'
 * @typedef {{ port: number, served: () => Promise<number[]>, end: () => Promise<unknown> }} Team
 */

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Standard output is for the figures.
 * @type {ForkOptions}
 */
const OPTIONS = { stdio: ['ignore', 2, 'inherit', 'ipc'] };

/**
 * @param {Variant} variant
 * @param {number} size
 */
function start({ policy }, size) {
  if (policy !== undefined) return [fork(path('primary.mjs'), [policy, String(size)], OPTIONS)];
  return Array.from({ length: size }, () => fork(path('worker.mjs'), OPTIONS));
}

/**
 * The port, when every worker listens on it. The first one has it chosen; a primary answers for all of its workers.
 * @param {ChildProcess[]} children
 * @param {string} way
 * @param {number} size
 * @returns {Promise<number>}
 */
async function listening([first, ...others], way, size) {
  const answers = [await ask(first, { do: 'listen', way, port: 0 })].flat();
  const { port } = answers[0];
  answers.push(...(await askAll(others, { do: 'listen', way, port })));
  const refused = answers.find(({ error }) => error !== undefined)?.error;
  if (refused !== undefined) throw Object.assign(new Error(refused.message), { code: refused.code });
  if (answers.length !== size || answers.some((answer) => answer.port !== port)) {
    throw new Error(`${size} workers of one port listen on ${answers.map((answer) => answer.port)}`);
  }
  return port;
}

/**
 * @param {Variant} variant
 * @param {number} size
 * @returns {Promise<Team>}
 */
export async function startTeam(variant, size) {
  const children = start(variant, size);
  const endAll = () => Promise.all(children.map((child) => end(child)));
  try {
    await hears(children);
    const port = await listening(children, variant.way, size);
    return { port, served: async () => (await askAll(children, { do: 'served' })).flat(), end: endAll };
  } catch (error) {
    await endAll();
    throw error;
  }
}
