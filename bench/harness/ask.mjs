// Questions to child processes, one at a time each, and their end.
import { once } from 'node:events';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/**
 * Resolves to the child's next message; a child that ends instead is an error.
 * @param {ChildProcess} child
 * @returns {Promise<any>}
 */
function answerOf(child) {
  return new Promise((resolve, reject) => {
    /** @param {(value: any) => void} how */
    const settle = (how) => (/** @type {unknown} */ value) => {
      child.off('message', answered).off('exit', ended).off('error', failed);
      how(value);
    };
    const answered = settle(resolve);
    const failed = settle(reject);
    /** @type {(code: number | null, signal: string | null) => void} */
    const ended = (code, signal) => failed(new Error(`process ${child.pid} ended with ${code ?? signal}`));
    child.on('message', answered).on('exit', ended).on('error', failed);
    if (child.exitCode !== null || child.signalCode !== null) ended(child.exitCode, child.signalCode);
  });
}

/**
 * A question that is asked before the child hears is lost in a cluster: each says when it does.
 * @param {ChildProcess[]} children
 */
export const hears = (children) => Promise.all(children.map(answerOf));

/**
 * @param {ChildProcess} child
 * @param {object} question
 */
export async function ask(child, question) {
  const answer = answerOf(child);
  // The exit of a child says that it is gone.
  child.send(question, () => {});
  return answer;
}

/**
 * Ends a child by disconnecting or by a signal, and waits until it is gone.
 * @param {ChildProcess} child
 * @param {NodeJS.Signals} [signal]
 */
export async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  if (signal !== undefined) child.kill(signal);
  else if (child.connected) child.disconnect();
  await ended;
}

/**
 * @param {ChildProcess[]} children
 * @param {object} question
 */
export const askAll = (children, question) => Promise.all(children.map((child) => ask(child, question)));
