// Gathers the facts of this machine: what the binds promise, what the list shows, and what the system itself tells.
import { arch, release } from 'node:os';
import { join } from 'node:path';
import { addon, loaded } from '../addon.ts';
import { isHooked } from '../adopt/replaced.ts';
import { type BindOptions, checkBindOptions } from '../bind/request.ts';
import { type Bound, bind } from '../bind/socket.ts';
import { codeOf } from '../errors.ts';
import { firstUnprivilegedPort, isPrivileged } from '../inspect/limits.ts';
import { has } from '../own.ts';
import { type System, system } from '../platform.ts';
import { EVERY_STATE, listSockets, listsBoundSockets, NAMES } from '../socket-list.ts';
import { darwinFacts } from './darwin.ts';
import { linuxFacts } from './linux.ts';
import type { Facts, OwnFacts, Tried } from './machine.ts';
import { promises } from './promises.ts';
import { windowsFacts } from './windows.ts';

const FACTS: Readonly<Record<System, () => Promise<OwnFacts>>> = {
  linux: linuxFacts,
  darwin: darwinFacts,
  windows: windowsFacts,
};

/** Reserves an address for a moment, on a port that the system chooses: nobody can connect to it. */
function reserving<Result>(options: BindOptions, look: (bound: Bound) => Result): Result | string {
  let bound: Bound | undefined;
  try {
    const found = bind(checkBindOptions({ port: 0, reserve: true, ...options }));
    if (has(found, 'refusal')) return found.refusal.code;
    bound = found;
    return look(bound);
  } catch (error) {
    // What this system cannot do at all: the promises say why.
    return (error as NodeJS.ErrnoException).code ?? 'ENOTSUP';
  } finally {
    if (bound?.guard !== undefined) addon.close(bound.guard);
    if (bound !== undefined) addon.close(bound.socket);
  }
}

function trying(options: BindOptions): Tried {
  const tried = reserving(options, ({ place, promise: { exclusivity, caveat } }) => ({
    host: place.host,
    exclusivity,
    ...(caveat !== undefined && { caveat }),
  }));
  return typeof tried === 'string' ? { host: null, code: tried } : tried;
}

function lookAtList(): Facts['list'] {
  const host = '127.0.0.1';
  const list = reserving({ host }, ({ socket }) =>
    listSockets({ protocol: 'tcp', port: addon.localPort(socket) }, EVERY_STATE, NAMES.every),
  );
  if (typeof list === 'string') return { error: list, hasBound: false, seesEveryProcess: false };
  return {
    error: list.error === 0 ? null : codeOf(list.error),
    hasBound: listsBoundSockets(),
    seesEveryProcess: list.areOwnersWhole,
  };
}

/** What NODE_OPTIONS loads before any program, as Node splits it: words, of which one in quotes may have blanks. */
function loadedByOptions(options: string): string[] {
  const words = [...options.matchAll(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g)].map(([word]) => word.replaceAll('"', ''));
  return words.flatMap((word, at) => {
    const [, value] = /^(?:--require|--import|-r)(?:=(.*))?$/.exec(word) ?? [undefined, null];
    return value === null ? [] : [value ?? words[at + 1] ?? ''];
  });
}

const HOOK = join(__dirname, 'register.cjs');

const isHook = (name: string) => name === HOOK || /(^|[/\\])exactbind[/\\](dist[/\\])?register(\.cjs)?$/.test(name);

/** The facts of `exactbind doctor`. Nothing is left behind, and nothing is changed. */
export async function machineFacts(): Promise<Facts> {
  const own = await FACTS[system]();
  const firstUnprivileged = firstUnprivilegedPort();
  const low = Math.max(1, firstUnprivileged - 1);
  return {
    ...{ system, release: release(), arch: arch(), node: process.version },
    binary: loaded,
    promises: promises(),
    list: lookAtList(),
    tried: { plain: trying({}), guard: trying({ host: '127.0.0.1', guard: true }) },
    lowPorts: {
      firstUnprivileged,
      onWildcard: !isPrivileged('0.0.0.0', low),
      onAddress: !isPrivileged('127.0.0.1', low),
    },
    ...own,
    hook: {
      isActive: isHooked(),
      nodeOptions: loadedByOptions(process.env['NODE_OPTIONS'] ?? '').find(isHook) ?? null,
      path: HOOK,
    },
  };
}
