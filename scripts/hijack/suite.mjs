// The suite: all scenes in order, what must hold of each, the table of it, and the figures.

import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  asRoot,
  compileAttacker,
  findPython,
  hasOthers,
  OTHER_UID,
  OUR_UID,
  runAttacker,
  startAttacker,
} from './attackers.mjs';
import { attackSteadily, fillTable, race, toggle } from './scenes.mjs';
import { hasBoundSocketOfNode, PEERS, RECIPES, start } from './victims.mjs';

/** @typedef {{ attempts: number, seconds: number, tries: number, starts: number, keeps: boolean }} Asked */

let passed = 0;
let failed = 0;

/** @param {string} what @param {boolean} holds @param {string} [figures] */
function check(what, holds, figures = '') {
  if (holds) passed++;
  else failed++;
  console.log(`${holds ? 'ok    ' : 'FAILED'}  ${what}${figures === '' ? '' : `: ${figures}`}`);
}

/** @param {number} seconds */
const limit = (seconds) => {
  const end = performance.now() + seconds * 1000;
  return () => performance.now() > end;
};

/** @param {string} name */
const recipe = (name) => {
  const found = RECIPES.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

/**
 * Who tries to come in between two of our calls.
 * @type {{ recipe: string, bind: string, flags: string, listens: boolean }[]}
 */
const RACES = [
  { recipe: '0.0.0.0', bind: '0.0.0.0', flags: 'a', listens: false },
  { recipe: '0.0.0.0', bind: '127.0.0.1', flags: 'ap', listens: true },
  { recipe: ':: dual', bind: '::', flags: 'a4', listens: false },
  { recipe: ':: V6ONLY', bind: '::', flags: 'ap4', listens: true },
  { recipe: '0.0.0.0, guard', bind: '0.0.0.0', flags: 'ap', listens: true },
  { recipe: ':: V6ONLY, guard', bind: '::', flags: 'ap4', listens: true },
  { recipe: '::1, guard', bind: '::1', flags: 'p', listens: true },
  { recipe: '::1', bind: '::1', flags: 'ap', listens: true },
  { recipe: '::1', bind: '::1', flags: 'p', listens: true },
  { recipe: '127.0.0.1, guard', bind: '127.0.0.1', flags: 'a', listens: false },
  { recipe: '127.0.0.1, guard', bind: '127.0.0.1', flags: 'p', listens: true },
  { recipe: '127.0.0.1, guard', bind: '224.0.0.1', flags: 'a', listens: false },
  { recipe: 'reservation of 0.0.0.0', bind: '0.0.0.0', flags: 'a', listens: false },
  { recipe: 'reservation of ::1', bind: '::1', flags: 'p', listens: true },
  { recipe: 'reservation of 127.0.0.1, guard', bind: '127.0.0.1', flags: 'p', listens: true },
  { recipe: 'UDP 0.0.0.0', bind: '0.0.0.0', flags: 'ap', listens: false },
  { recipe: 'UDP ::1', bind: '::1', flags: 'ap', listens: false },
  { recipe: 'UDP 127.0.0.1', bind: '127.0.0.1', flags: 'ap', listens: false },
];

/** @type {{ recipe: string, bind: string, flags: string, elsewhere: string, isSyn: boolean }[]} */
const TOGGLERS = [
  { recipe: '0.0.0.0', bind: '0.0.0.0', flags: 'a', elsewhere: '127.0.0.1', isSyn: true },
  { recipe: ':: dual', bind: '::', flags: 'a4', elsewhere: '::1', isSyn: true },
  { recipe: '127.0.0.1', bind: '0.0.0.0', flags: 'a', elsewhere: '127.0.0.1', isSyn: true },
  { recipe: '::1', bind: '::', flags: 'a4', elsewhere: '::1', isSyn: true },
  { recipe: '::1', bind: '::', flags: '4', elsewhere: 'fd00::1', isSyn: false },
  { recipe: '::1, guard', bind: '::', flags: '4', elsewhere: 'fd00::1', isSyn: false },
  { recipe: ':: V6ONLY', bind: '::', flags: '4', elsewhere: '10.9.0.1', isSyn: false },
  { recipe: '127.0.0.1, guard', bind: '0.0.0.0', flags: '-', elsewhere: '10.9.0.1', isSyn: false },
  { recipe: 'UDP 127.0.0.1', bind: '0.0.0.0', flags: '-', elsewhere: '10.9.0.1', isSyn: false },
  { recipe: 'UDP ::1', bind: '::', flags: '4', elsewhere: 'fd00::1', isSyn: false },
];

/** @param {Awaited<ReturnType<typeof fillTable>>} rows */
function sumByRecipe(rows) {
  /** @type {Map<string, ReturnType<typeof import('./scenes.mjs').emptyCell>>} */
  const sums = new Map();
  for (const { recipe, cell } of rows) {
    const sum = sums.get(recipe);
    if (sum === undefined) sums.set(recipe, { ...cell });
    else for (const key of /** @type {(keyof typeof cell)[]} */ (Object.keys(cell))) sum[key] += cell[key];
  }
  return sums;
}

/** @param {Awaited<ReturnType<typeof fillTable>>} rows @param {string} who @param {boolean} isStrict */
function judgeTable(rows, who, isStrict) {
  for (const [name, sum] of sumByRecipe(rows)) {
    const stolen = sum.stolenFull + sum.stolenPartial + sum.stolenNone;
    const figures =
      `${sum.tries} tries: ${sum.barred} lurkers barred, ${sum.refused} starts refused; ` +
      `full ${sum.full}, partial ${sum.partial} (${sum.named} named); ` +
      `stolen under full ${sum.stolenFull}, under partial ${sum.stolenPartial}, of ${stolen + sum.served + sum.lost}`;
    check(`${who} lurkers, ${name}`, !isStrict || sum.stolenFull === 0, figures);
  }
  if (!isStrict) return;
  // A socket that is bound to what ours covers is in the list, and stays there: it is refused.
  const bound = rows.filter(({ recipe, kind }) => kind === 'B' && !recipe.startsWith('reuse-port'));
  const robbers = bound.filter(({ cell }) => cell.stolenPartial > 0 && cell.refused === 0);
  check(
    'no start beside a bound socket of another user that can take connections',
    robbers.length === 0,
    `${bound.length} rows`,
  );
  for (const { recipe, lurker, moment } of robbers) console.log(`        ${recipe}: ${lurker}, ${moment}`);
}

async function children() {
  const started = await start(recipe('127.0.0.1, guard'), 9999);
  if ('refused' in started) throw new Error(started.refused);
  const child = asRoot(() => spawn('sleep', ['30'], { stdio: 'ignore' }));
  const folder = `/proc/${child.pid}/fd`;
  const links = asRoot(() => readdirSync(folder).map((fd) => readlinkSync(`${folder}/${fd}`)));
  await started.close();
  const again = await start(recipe('127.0.0.1, guard'), 9999);
  const isFree = !('refused' in again) && again.outcome === 'clean';
  if (!('refused' in again)) await again.close();
  asRoot(() => child.kill());
  const inherited = links.filter((link) => link.startsWith('socket:')).length;
  check(
    'a child inherits no descriptor, and the port is free once we close',
    inherited === 0 && isFree,
    `${inherited} inherited`,
  );
}

/** @param {Asked} asked */
export async function run({ attempts, seconds, tries, starts, keeps }) {
  const begun = performance.now();
  const program = compileAttacker();
  if (program === undefined) {
    console.log('left out: every attacker in C (no compiler: apt-get install gcc)\n0 passed, 1 failed');
    return false;
  }
  const python = findPython();
  if (python === undefined) console.log('left out: the attacker in Python (apt-get install python3)');
  if (!hasOthers) console.log('left out: attackers of another user (needs root)');
  if (!hasBoundSocketOfNode) console.log(`left out: net.BoundSocket (Node ${process.version} has none: --node 24)`);
  // The list of sockets is asked as an ordinary user.
  if (hasOthers) process.seteuid?.(OUR_UID);
  const otherUid = hasOthers ? OTHER_UID : OUR_UID;
  const other = startAttacker(program, otherUid);
  const same = startAttacker(program, OUR_UID);
  const who = hasOthers ? 'another user' : 'the same user';
  const share = (/** @type {number} */ part) => limit(seconds * part);

  console.log('\n# Lurkers: every kind, before, during and after a start');
  const table = await fillTable(other, RECIPES, tries, share(0.35));
  judgeTable(table, `${who}'s`, hasOthers);
  const own = await fillTable(same, RECIPES, Math.max(1, Math.floor(tries / 5)), share(0.12));
  judgeTable(own, "the same user's", false);
  const peers = await fillTable(
    other,
    PEERS.filter(({ by }) => by === 'node' || hasBoundSocketOfNode),
    Math.max(1, Math.floor(tries / 5)),
    share(0.1),
  );
  const lostByPeers = [...sumByRecipe(peers)].map(([name, { tries, stolenNone, served, lost }]) => ({
    name,
    tries,
    stolen: stolenNone,
    of: stolenNone + served + lost,
  }));
  for (const { name, tries, stolen, of } of lostByPeers) {
    console.log(`        ${name}: ${who} got ${stolen} of ${of} connections (${tries} tries)`);
  }

  console.log('\n# Steady: every option, address and kind, beside a listener that stays');
  /** @type {(Awaited<ReturnType<typeof attackSteadily>> & { by: string })[]} */
  const steadies = [];
  const kept = RECIPES.filter(({ reserves, more }) => !reserves && !(more && 'sharing' in more));
  for (const one of kept) {
    // Every attempt on a specific IPv4 address can be a theft, which takes fifty times as long.
    const isOpen = one.host === '127.0.0.1' && one.more === undefined && one.protocol === 'tcp';
    const number = Math.ceil(attempts / kept.length / (isOpen ? 50 : 1));
    for (const [attacker, uid, name, part] of /** @type {const} */ ([
      [other, otherUid, who, 1],
      [same, OUR_UID, 'the same user', 0.1],
    ])) {
      const more = async (/** @type {number} */ port) => {
        const words = [one.protocol, one.host, one.ipv6Only ? 1 : 0, port];
        const counts = [await runAttacker(process.execPath, 'attacker.mjs', [...words, 60], uid)];
        if (python !== undefined) counts.push(await runAttacker(python, 'attacker.py', [...words, 1024], uid));
        return counts;
      };
      const steady = await attackSteadily(attacker, one, Math.ceil(number * part), more);
      steadies.push({ by: name, ...steady });
      const mayLose = steady.promise === 'partial' || uid === OUR_UID;
      const { attempts: tried, bound, beside, stolen } = steady;
      const figures = `${tried} attempts, ${bound} bound somewhere, ${beside} beside us, ${stolen} stolen under ${steady.promise}`;
      const isShared = beside > 0 && steady.promise === 'full';
      check(`${name}, ${one.name}`, !isShared && (mayLose || stolen === 0), figures);
    }
  }

  console.log('\n# Races: in between two of our calls');
  /** @type {(Awaited<ReturnType<typeof race>> & { recipe: string, bind: string, flags: string, listens: boolean, by: string })[]} */
  const races = [];
  for (const { recipe: name, ...spinner } of RACES) {
    for (const [attacker, by] of /** @type {const} */ ([
      [other, who],
      [same, 'the same user'],
    ])) {
      const cell = await race(attacker, recipe(name), spinner, starts, share(0.25 / RACES.length / 2));
      races.push({ recipe: name, ...spinner, by, ...cell });
      const isSafe = (cell.beside === 0 || cell.partial > 0) && (by === 'the same user' || cell.stolenFull === 0);
      const figures =
        `${cell.starts} starts, ${cell.refused} refused (${cell.lostAtAdoption} at adoption), ${cell.attempts} attempts, ${cell.bound} bound, ` +
        `${cell.beside} beside us, ${cell.stolenFull} stolen under full, ${cell.stolenPartial} under partial`;
      check(`${by} spins on ${spinner.bind} (${spinner.flags}), ${name}`, isSafe, figures);
    }
  }
  const raced = await race(other, PEERS[0], { bind: '0.0.0.0', flags: 'a', listens: false }, starts, share(0.03));
  console.log(`        server.listen() on 0.0.0.0: ${raced.starts} starts, ${raced.stolenNone} stolen`);
  races.push({ recipe: PEERS[0].name, bind: '0.0.0.0', flags: 'a', listens: false, by: who, ...raced });

  console.log('\n# Togglers: lurkers that change their state while we look');
  /** @type {(Awaited<ReturnType<typeof toggle>> & typeof TOGGLERS[number])[]} */
  const togglers = [];
  for (const { recipe: name, ...toggler } of TOGGLERS) {
    const cell = await toggle(other, recipe(name), toggler, starts, share(0.15 / TOGGLERS.length));
    togglers.push({ recipe: name, ...toggler, ...cell });
    const figures =
      `${cell.tries} tries, ${cell.refused} refused, ${cell.starts} starts (full ${cell.full}, partial ${cell.partial}), ` +
      `${cell.missed} with nobody named; stolen under full ${cell.stolenFull}, under partial ${cell.stolenPartial}`;
    const words = `${toggler.bind} (${toggler.flags}, ${toggler.isSyn ? 'SYN_SENT' : 'connected'})`;
    check(`a toggler on ${words}, ${name}`, !hasOthers || cell.stolenFull === 0, figures);
  }

  console.log('\n# Children');
  await children();

  await other.end();
  await same.end();
  const total =
    steadies.reduce((sum, one) => sum + one.attempts, 0) +
    races.reduce((sum, one) => sum + one.attempts, 0) +
    [...table, ...own, ...peers].reduce((sum, { cell }) => sum + cell.tries, 0);
  const took = Math.round((performance.now() - begun) / 1000);
  console.log(`\n${total} attempts in ${took} s`);
  if (keeps) {
    asRoot(() =>
      keep({
        kernel: release(),
        node: process.version,
        cpus: cpus().length,
        attackers: who,
        attempts: total,
        seconds: took,
        passed,
        failed,
        table: condensed(table),
        own: condensed(own),
        peers: condensed(peers),
        lostByPeers,
        steadies,
        races,
        togglers,
      }),
    );
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

/** The lurkers of a kind together; what is 0 left out. @param {Awaited<ReturnType<typeof fillTable>>} rows */
function condensed(rows) {
  /** @type {Map<string, Record<string, string | number>>} */
  const sums = new Map();
  for (const { recipe, kind, moment, cell } of rows) {
    const key = `${recipe}|${kind}|${moment}`;
    const sum = sums.get(key) ?? { recipe, kind, moment };
    sums.set(key, sum);
    for (const [name, count] of Object.entries(cell)) {
      if (count > 0) sum[name] = /** @type {number} */ (sum[name] ?? 0) + count;
    }
  }
  return [...sums.values()];
}

/** A line for each figure, and for each row of a list. @param {object} figures */
function inLines(figures) {
  const lines = Object.entries(figures).map(([name, value]) => {
    const text = Array.isArray(value)
      ? `[\n${value.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n ]`
      : JSON.stringify(value);
    return ` ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${lines.join(',\n')}\n}`;
}

/** @param {object} figures */
function keep(figures) {
  const file = fileURLToPath(new URL(`../../bench/results/hijack-linux-${process.arch}.json`, import.meta.url));
  writeFileSync(file, `${inLines(figures)}\n`);
}
