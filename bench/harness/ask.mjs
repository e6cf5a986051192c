// Questions to child processes, one at a time each, and their end.
import { once } from 'node:events';

/** Resolves to the child's next message; a child that ends instead is an error. */
function answerOf(child) {
  return new Promise((resolve, reject) => {
    const settle = (how) => (value, signal) => {
      child.off('message', answered).off('exit', ended).off('error', failed);
      how(value, signal);
    };
    const answered = settle(resolve);
    const failed = settle(reject);
    const ended = settle((code, signal) => reject(new Error(`process ${child.pid} ended with ${code ?? signal}`)));
    child.on('message', answered).on('exit', ended).on('error', failed);
    if (child.exitCode !== null || child.signalCode !== null) ended(child.exitCode, child.signalCode);
  });
}

/** A question that is asked before the child hears is lost in a cluster: each says when it does. */
export const hears = (children) => Promise.all(children.map(answerOf));

export async function ask(child, question) {
  const answer = answerOf(child);
  // A child that is gone is told by its exit.
  child.send(question, () => {});
  return answer;
}

/** Ends a child by disconnecting or by a signal, and waits until it is gone. */
export async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  if (signal !== undefined) child.kill(signal);
  else if (child.connected) child.disconnect();
  await ended;
}

export const askAll = (children, question) => Promise.all(children.map((child) => ask(child, question)));
