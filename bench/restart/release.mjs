// A process that holds a port and releases it, waits for one, or opens and closes sockets all the time, on command.
import { createServer } from 'node:net';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { BoundSocket, listen } from 'exactbind';
import { obey } from '../harness/obey.mjs';
import { loadAddon } from '../harness/package.mjs';
import { retry } from './retry.mjs';

/**
 * @typedef {{ how: keyof typeof WAYS, port: number, seconds: number, every: number }} Idle
 * @typedef {{ host: string, port: number, perSecond: number, seconds: number }} Churn
 */

const HOST = '127.0.0.1';
const TICK = 5;
const LONG = 60_000;

// CLOCK_MONOTONIC, which all processes share.
const now = () => process.hrtime.bigint();

/** @type {BoundSocket} */
let held;

/** @type {Record<'wait' | 'again' | 'sleep', (port: number, signal: AbortSignal, every: number) => Promise<unknown>>} */
const WAYS = {
  wait: (port, signal) => listen(createServer(), { port, host: HOST, wait: { signal } }),
  again: (port, signal, every) => retry(createServer(), { port, host: HOST }, every, signal),
  sleep: (_, signal) => pause(LONG, undefined, { signal }),
};

const COMMANDS = {
  /** @param {{ port: number }} command */
  hold({ port }) {
    held = new BoundSocket({ port, host: HOST });
    return { port: held.address().port };
  },

  /** @param {{ after: number, by?: string }} command */
  async release({ after, by }) {
    await pause(after);
    if (by === 'kill') {
      process.send?.({ at: now() }, () => process.kill(process.pid, 'SIGKILL'));
      return undefined;
    }
    const at = now();
    held.close();
    return { at };
  },

  /** @param {Idle} command */
  async idle({ how, port, seconds, every }) {
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = WAYS[how](port, signal, every);
    const ended = waiting.catch(({ name }) => name);
    // What was compiled and allocated for the first look is not idling.
    await pause(1000);
    const [before, began] = [process.cpuUsage(), now()];
    await pause(seconds * 1000);
    const { user, system } = process.cpuUsage(before);
    const took = Number(now() - began) / 1000;
    controller.abort();
    if ((await ended) !== 'AbortError') throw new Error('the wait ended early');
    return { share: (user + system) / took };
  },

  /**
   * Sockets that come and go, on any port of an address or on one.
   * @param {Churn} command
   */
  async churn({ host, port, perSecond, seconds }) {
    const addon = loadAddon();
    const { AF_INET, SOCK_STREAM } = addon.constants;
    const none = new Int32Array([0]);
    const began = performance.now();
    let closed = 0;
    for (let passed = 0; passed < seconds * 1000; passed = performance.now() - began) {
      for (; closed < (passed * perSecond) / 1000; closed++) {
        const socket = addon.socket(AF_INET, SOCK_STREAM);
        if (addon.bind(socket, none, host, port) !== 0) throw new Error('a socket was refused');
        addon.close(socket);
      }
      await pause(TICK);
    }
    return { perSecond: closed / seconds };
  },
};

obey(COMMANDS);
