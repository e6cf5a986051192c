// The scenes: a lurker before, in the middle of and after a start; steady attempts beside a listener; races; togglers.
import net from 'node:net';
import { holdLine, lurkersFor, seedLine } from './lurkers.mjs';
import { start } from './victims.mjs';

/** @typedef {import('./attackers.mjs').Attacker} Attacker */
/** @typedef {import('./victims.mjs').Recipe} Recipe */
/** @typedef {'before' | 'restart' | 'reserved' | 'after'} Moment */
/**
 * What came of the tries of one cell. `barred`: the kernel did not let the lurker be. `refused`: we did not start, beside
 * it. Else one of full, partial, none was said, and the clients were stolen, served or lost.
 * @typedef {{ tries: number, barred: number, refused: number, named: number, full: number, partial: number, none: number,
 *   stolenFull: number, stolenPartial: number, stolenNone: number, served: number, lost: number }} Cell
 */

// Outside the ephemeral ports: a client never connects from one of them. Ranges are from inside.
let port = 10_000;
let rangePort = 40_000;
const nextPort = () => {
  port = port < 30_000 ? port + 1 : 10_000;
  return port;
};
const nextRangePort = () => {
  rangePort = rangePort < 60_000 ? rangePort + 1 : 40_000;
  return rangePort;
};

/** @returns {Cell} */
export const emptyCell = () => ({
  tries: 0,
  barred: 0,
  refused: 0,
  named: 0,
  full: 0,
  partial: 0,
  none: 0,
  stolenFull: 0,
  stolenPartial: 0,
  stolenNone: 0,
  served: 0,
  lost: 0,
});

const STOLEN = /** @type {const} */ ({ full: 'stolenFull', partial: 'stolenPartial', none: 'stolenNone' });

/**
 * @param {Cell} cell
 * @param {'full' | 'partial' | 'none'} promise
 * @param {import('./attackers.mjs').Count} count
 */
function add(cell, promise, { stolen, served, lost }) {
  cell[STOLEN[promise]] += stolen;
  cell.served += served;
  cell.lost += lost;
}

// Leaves a TIME_WAIT of ours on the port, as an earlier run would.
/** @param {Recipe} recipe @param {number} at */
async function leaveTimeWait(recipe, at) {
  const { host, ipv6Only, by } = recipe;
  const started = await start({ name: '', host, ipv6Only, protocol: 'tcp', targets: [], by }, at);
  if ('refused' in started) return;
  await new Promise((resolve) => {
    const client = net.connect(at, recipe.targets[0], () => client.end());
    client.on('error', resolve);
    client.on('close', resolve);
  });
  await started.close();
}

/** One try of one cell. @param {Attacker} attacker @param {Recipe} recipe @param {import('./lurkers.mjs').Lurker} lurker @param {Moment} moment @param {Cell} cell */
async function tryOnce(attacker, recipe, lurker, moment, cell) {
  const at = lurker.isRange ? nextRangePort() : nextPort();
  const { protocol, targets } = recipe;
  cell.tries++;
  const hold = async () => {
    const seed = seedLine(lurker, protocol, at);
    if (seed !== undefined) await attacker.ask(seed);
    return (await attacker.ask(holdLine(lurker, protocol, at))).held;
  };
  if (moment === 'restart') await leaveTimeWait(recipe, at);
  if (moment === 'before' || moment === 'restart') {
    if (!(await hold())) {
      cell.barred++;
      return;
    }
  }
  const started = await start(recipe, at, moment !== 'reserved');
  try {
    if ('refused' in started) {
      cell.refused++;
      if (started.isNamed) cell.named++;
      return;
    }
    if (moment === 'after' || moment === 'reserved') {
      const isHeld = await hold();
      if (moment === 'reserved') {
        try {
          await started.adopt();
        } catch {
          cell.refused++;
          return;
        }
      }
      if (!isHeld) {
        cell.barred++;
        return;
      }
    }
    cell[started.promise]++;
    if (started.isNamed) cell.named++;
    add(cell, started.promise, await attacker.ask(`rob ${targets[cell.tries % targets.length]} ${at}`));
  } finally {
    await attacker.ask('drop');
    if (!('refused' in started)) await started.close();
  }
}

/** @param {Recipe} recipe @returns {Moment[]} */
function momentsOf({ protocol, reserves, more }) {
  if (reserves) return ['before', 'reserved', 'after'];
  return protocol === 'tcp' && more === undefined ? ['before', 'restart', 'after'] : ['before', 'after'];
}

/**
 * Fills in the table: every recipe, every lurker, every moment.
 * @param {Attacker} attacker
 * @param {Recipe[]} recipes
 * @param {number} tries
 * @param {() => boolean} isOver
 */
export async function fillTable(attacker, recipes, tries, isOver) {
  /** @type {{ recipe: string, kind: string, lurker: string, moment: Moment, cell: Cell }[]} */
  const rows = [];
  for (let round = 0; round < tries && !isOver(); round++) {
    let at = 0;
    for (const recipe of recipes) {
      for (const lurker of lurkersFor(recipe)) {
        for (const moment of momentsOf(recipe)) {
          const { kind, name, bind, elsewhere } = lurker;
          const words = `${name} (${bind}${elsewhere === '-' ? '' : ` → ${elsewhere}`})`;
          rows[at] ??= { recipe: recipe.name, kind, lurker: words, moment, cell: emptyCell() };
          await tryOnce(attacker, recipe, lurker, moment, rows[at].cell);
          at++;
        }
      }
      if (isOver() && round > 0) break;
    }
  }
  return rows;
}

/**
 * Attempts beside a listener that stays: every option, every address, every kind, by the attacker in C.
 * @param {Attacker} attacker
 * @param {Recipe} recipe
 * @param {number} attempts
 * @param {(port: number) => Promise<import('./attackers.mjs').Count[]>} [others] attackers that run by themselves
 */
export async function attackSteadily(attacker, recipe, attempts, others = async () => []) {
  const at = nextPort();
  const { host, ipv6Only, protocol, name } = recipe;
  const started = await start(recipe, at);
  if ('refused' in started) throw new Error(`${name}: ${started.refused}`);
  const total = { attempts: 0, bound: 0, beside: 0, stolen: 0, served: 0, lost: 0, unable: 0 };
  /** @param {import('./attackers.mjs').Count} count */
  const sum = (count) => {
    for (const key of /** @type {(keyof typeof total)[]} */ (Object.keys(total))) total[key] += count[key] ?? 0;
  };
  const CHUNK = 5000;
  for (let left = attempts; left > 0; left -= CHUNK) {
    const seed = Math.floor(Math.random() * 2 ** 31);
    sum(await attacker.ask(`steady ${protocol} ${host} ${ipv6Only ? 1 : 0} ${at} ${Math.min(left, CHUNK)} ${seed}`));
  }
  for (const count of await others(at)) sum(count);
  await started.close();
  return { recipe: name, promise: started.promise, ...total };
}

/**
 * Starts again and again while an attacker spins, and looks each time whether he got in between two of our calls.
 * @param {Attacker} attacker
 * @param {Recipe} recipe
 * @param {{ bind: string, flags: string, listens: boolean }} spinner
 * @param {number} starts
 * @param {() => boolean} isOver
 */
export async function race(attacker, recipe, { bind, flags, listens }, starts, isOver) {
  const cell = { ...emptyCell(), starts: 0, lostAtAdoption: 0, attempts: 0, bound: 0, beside: 0 };
  const { protocol, targets } = recipe;
  const at = nextPort();
  while (cell.starts + cell.refused < starts && !isOver()) {
    const spinning = attacker.ask(`spin ${protocol} ${bind} ${at} ${flags} ${listens ? 1 : 0}`);
    // The line has to arrive first.
    await new Promise((resolve) => setImmediate(resolve));
    let started = await start(recipe, at, false);
    if (!('refused' in started)) {
      try {
        await started.adopt();
      } catch (error) {
        await started.close();
        started = { refused: /** @type {any} */ (error).code, isNamed: false };
        cell.lostAtAdoption++;
      }
    }
    const robbing = attacker.ask(`rob ${targets[0]} ${at}`);
    const spun = await spinning;
    const count = await robbing;
    cell.attempts += spun.attempts;
    cell.bound += spun.bound;
    if ('refused' in started) cell.refused++;
    else {
      cell.starts++;
      cell[started.promise]++;
      // A group is not what listens for everybody.
      if (!bind.startsWith('224.')) cell.beside += spun.beside;
      add(cell, started.promise, count);
      await started.close();
    }
    await attacker.ask('drop');
  }
  return cell;
}

/**
 * Starts again and again beside a lurker that changes its state all the time: how often does the list miss it?
 * @param {Attacker} attacker
 * @param {Recipe} recipe
 * @param {{ bind: string, flags: string, elsewhere: string, isSyn: boolean }} toggler
 * @param {number} starts
 * @param {() => boolean} isOver
 */
export async function toggle(attacker, recipe, { bind, flags, elsewhere, isSyn }, starts, isOver) {
  const cell = { ...emptyCell(), starts: 0, missed: 0, toggles: 0 };
  const { protocol, targets } = recipe;
  while (cell.tries < starts && !isOver()) {
    const at = nextPort();
    const toggling = attacker.ask(`toggle ${protocol} ${bind} ${at} ${flags} ${elsewhere} ${isSyn ? 1 : 0}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
    // A bind that meets it while it is bound is refused; it need not meet it there every time.
    for (let round = 0; round < 8; round++) {
      const started = await start(recipe, at);
      cell.tries++;
      if ('refused' in started) {
        cell.refused++;
        if (started.isNamed) cell.named++;
        continue;
      }
      cell.starts++;
      cell[started.promise]++;
      if (started.isNamed) cell.named++;
      else if (started.promise !== 'full') cell.missed++;
      const robbing = attacker.ask(`rob ${targets[0]} ${at}`);
      cell.toggles += (await toggling).attempts;
      add(cell, started.promise, await robbing);
      await started.close();
      break;
    }
    await attacker.ask('drop');
    await toggling;
  }
  return cell;
}
