// A process of clients that connect all the time, beside some with idle connections, and keeps what each of them met.
import { Agent, get } from 'node:http';
import process from 'node:process';
import { obey } from '../harness/obey.mjs';
import { sumUp } from './summary.mjs';

/**
 * @import { Met } from './summary.mjs'
 * @typedef {{ records: Met[], open: Set<Promise<void>>, heldBack: number, onRecord: () => void, end: () => void, agent: Agent }} Run
 */

const HOST = '127.0.0.1';
const PER_SECOND = 200;
const IDLE = 8;
const MOST_AT_ONCE = 64;
const PATIENCE = 5000;
/** Answers of the successor, until the restart is over for its clients. */
const TAIL = 10;

const now = () => process.hrtime.bigint();

/** @type {Run} */
let run;

/**
 * One request; without an agent its connection is its own.
 * @param {number} port
 * @param {Agent} [agent]
 * @returns {Promise<Met>}
 */
function request(port, agent) {
  return new Promise((resolve) => {
    /** @param {{ pid?: number, code?: string }} met */
    const end = (met) => resolve({ ended: now(), ...met });
    const asked = get({ port, host: HOST, agent: agent ?? false, timeout: PATIENCE }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response
        .on('error', (/** @type {NodeJS.ErrnoException} */ { code }) => end({ code }))
        .on('end', () => end({ pid: Number(text) }));
    });
    asked.on('timeout', () => asked.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    asked.on('error', (/** @type {NodeJS.ErrnoException} */ { code, message }) => end({ code: code ?? message }));
  });
}

/** @param {number} port */
function connectAllTheTime(port) {
  /** @type {Omit<Run, 'end' | 'agent'>} */
  const state = { records: [], open: new Set(), heldBack: 0, onRecord: () => {} };
  const began = performance.now();
  let sent = 0;
  const send = () => {
    const one = request(port).then((record) => {
      state.open.delete(one);
      state.records.push(record);
      state.onRecord();
    });
    state.open.add(one);
  };
  const timer = setInterval(() => {
    for (const due = ((performance.now() - began) * PER_SECOND) / 1000; sent < due; sent++) {
      if (state.open.size < MOST_AT_ONCE) send();
      else state.heldBack++;
    }
  }, 1000 / PER_SECOND);
  return Object.assign(state, { end: () => clearInterval(timer) });
}

/**
 * @param {(records: Met[]) => boolean} isReached
 * @returns {Promise<void>}
 */
function until(isReached) {
  return new Promise((resolve) => {
    run.onRecord = () => isReached(run.records) && resolve();
    run.onRecord();
  });
}

const COMMANDS = {
  /**
   * Answers when there are idle connections, and clients have been answered.
   * @param {{ port: number }} command
   */
  async begin({ port }) {
    const agent = new Agent({ keepAlive: true, maxSockets: IDLE });
    const first = await Promise.all(Array.from({ length: IDLE }, () => request(port, agent)));
    const failed = first.find(({ code }) => code !== undefined);
    if (failed !== undefined) throw new Error(`a client met ${failed.code} before the restart`);
    run = Object.assign(connectAllTheTime(port), { agent });
    await until((records) => records.length >= TAIL);
    return {};
  },

  /**
   * Answers when the successor has, for a while.
   * @param {{ pid: number, released: bigint }} command
   */
  async finish({ pid, released }) {
    await until((records) => records.filter((record) => record.pid === pid && record.ended > released).length >= TAIL);
    run.end();
    await Promise.all(run.open);
    run.agent.destroy();
    const early = run.records.find(({ code, ended }) => code !== undefined && ended <= released);
    if (early !== undefined) throw new Error(`a client met ${early.code} before the restart`);
    return { ...sumUp(run.records, { pid, released }), heldBack: run.heldBack };
  },
};

obey(COMMANDS);
