// Asks every package about every state of a port, and a real server.listen() before and after; prints what they said.
import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CASES, scene } from './cases.mjs';
import { CHECKERS, FINDERS, INSTANCES } from './packages.mjs';

/**
 * @import { Case, Scene } from './cases.mjs'
 * @import { Answer, Answers, Truth } from './report.mjs'
 */

// Enough for who only starts late on a busy machine.
const PATIENCE = 30_000;
// Outside the ephemeral range; nobody else is in this network namespace.
const FIRST_PORT = 10_000;

const PROGRAM = fileURLToPath(new URL('packages.mjs', import.meta.url));
const run = promisify(execFile);

/**
 * What one package says, in a process of its own: `{ said }`, `{ error }` or `{ late: true }`.
 * @param {string[]} before
 * @param {string[]} question
 * @returns {Promise<Answer>}
 */
async function ask(before, ...question) {
  const [file, ...args] = [...before, process.execPath, PROGRAM, ...question];
  try {
    const { stdout } = await run(file, args, { timeout: PATIENCE, killSignal: 'SIGKILL' });
    return JSON.parse(stdout);
  } catch (error) {
    if (/** @type {{ killed?: boolean }} */ (error).killed) return { late: true };
    throw error;
  }
}

/**
 * @param {Case} one
 * @param {number} port
 * @param {Scene} actors
 * @returns {Promise<Answers>}
 */
async function answersTo({ stage, before = () => [], isInstance }, port, actors) {
  const listening = await stage(port, actors);
  /** @type {(kind: string, who: string) => Promise<Answer>} */
  const question = (kind, who) => ask(before(port), kind, who, String(port));
  const truth = /** @type {Truth} */ ((await question('truth', '')).said);
  /** @type {Record<string, Answer>} */
  const checkers = {};
  /** @type {Record<string, Answer>} */
  const finders = {};
  for (const who of Object.keys(FINDERS)) finders[who] = await question('finder', who);
  for (const who of Object.keys(CHECKERS)) checkers[who] = await question('checker', who);
  /** @type {Record<string, Answer>} */
  const instances = {};
  if (isInstance !== undefined) {
    for (const who of Object.keys(INSTANCES)) instances[who] = await question('instance', who);
  }
  const afterwards = /** @type {Truth} */ ((await question('truth', '')).said);
  if (afterwards.free !== truth.free) throw new Error(`asking has changed the state: port ${port}`);
  const told = { truth: { ...truth, listening }, checkers, finders };
  return isInstance === undefined ? told : { ...told, truth: { ...told.truth, isInstance }, instances };
}

const named = process.argv.slice(2);
/** @type {Record<string, Answers>} */
const cases = {};
for (const [index, one] of CASES.entries()) {
  if (named.length > 0 && !named.includes(one.name)) continue;
  const actors = scene();
  try {
    cases[one.name] = await answersTo(one, FIRST_PORT + index, actors);
  } finally {
    await actors.end();
  }
}
/** @param {Record<string, { call: string }>} packages */
const calls = (packages) => Object.fromEntries(Object.entries(packages).map(([who, { call }]) => [who, call]));
console.log(JSON.stringify({ checkers: calls(CHECKERS), finders: calls(FINDERS), instances: calls(INSTANCES), cases }));
