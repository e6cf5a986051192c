// Starts what fills the machine: sockets and processes, and listeners that are started last.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('crowd.py', import.meta.url));

/**
 * The pids of those who listen on `ports`, or the reason why there is no crowd; `end()` ends them all.
 * @param {{ sockets?: number, processes?: number, descriptors?: number, ports?: number[] }} size
 * @returns {Promise<{ pids: number[], reason?: string, end: () => Promise<void> }>}
 */
export async function crowd({ sockets = 0, processes = 0, descriptors = 0, ports = [] }) {
  const args = ['-I', '-S', PROGRAM, ...[sockets, processes, descriptors, ...ports].map(String)];
  const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = once(createInterface({ input: child.stdout }), 'line');
  const [line = 'the crowd has died'] = await Promise.race([lines, ended.then(() => [])]);
  const [word, ...pids] = line.split(' ');
  const end = async () => {
    child.stdin.end();
    await ended;
  };
  return { ...(word === 'ready' ? { pids: pids.map(Number) } : { pids: [], reason: line }), end };
}
