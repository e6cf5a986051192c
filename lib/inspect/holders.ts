// Who holds a socket, in the words of a report: the row of the system's list, made readable.
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import type { ProcessRow, SocketList, SocketRow } from '../addon.ts';
import { codeOf } from '../errors.ts';
import { bare } from '../own.ts';
import { system } from '../platform.ts';
import { printable } from '../printable.ts';
import { isConnection, STATE } from '../socket-list.ts';
import type { Protocol } from '../systems/system.ts';
import { TCP_STATES } from '../tcp-states.ts';
import { containerOf, forwardedTo } from './containers.ts';
import { executableOf, isSameProgram } from './programs.ts';
import type { Holder, HolderProcess } from './report.ts';

const STATES = ['', ...TCP_STATES, 'NEW_SYN_RECV', 'BOUND'];

function stateName({ state }: SocketRow, protocol: Protocol): string {
  // The list tells of a bound socket that it is closed; UNCONN is ss(8)'s word.
  if (state === STATE.CLOSE) return protocol === 'udp' ? 'UNCONN' : 'BOUND';
  return STATES[state] ?? String(state);
}

function whyHidden(row: SocketRow, { ownersError, error }: SocketList): string | undefined {
  if (row.pids.length > 0) return undefined;
  // Nobody has a leftover; somebody has every other socket.
  if (!row.isOpen) return isConnection(row) ? undefined : 'pid not listed';
  if (ownersError !== 0 && /TIMEDOUT$/.test(codeOf(ownersError))) return 'pid not looked up';
  if (ownersError !== 0) return `pid not found: ${codeOf(ownersError)}`;
  if (error !== 0) return `pid not found: the list broke off (${codeOf(error)})`;
  // Sockets of the kernel's own (NFS) and of processes in no /proc of this namespace have no visible pid either.
  return process.geteuid?.() === 0 ? 'no process that can be seen here has it' : 'pid hidden from this user';
}

// On macOS people are in no file. Elsewhere it would ask a directory service, perhaps over the network.
function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

function userOf({ uid, user }: Pick<ProcessRow, 'uid' | 'user'>): { user?: string; uid?: number } {
  const isOwn = system === 'darwin' && uid !== undefined && uid === process.geteuid?.();
  const name = user ?? (isOwn ? ownName() : undefined);
  return { ...(name !== undefined && { user: printable(name) }), ...(uid !== undefined && { uid }) };
}

function wordsOf(row: ProcessRow): { name?: string; command?: string } {
  const program = executableOf(row);
  // Whoever has written a title over its arguments may have left blanks.
  const command = row.arguments?.join(' ').trimEnd() || program || row.name;
  const name = program === undefined ? (row.name ?? command?.split(' ')[0]) : basename(program);
  return {
    ...(name !== undefined && { name: printable(name) }),
    ...(command !== undefined && { command: printable(command) }),
  };
}

function parentOf({ parent }: ProcessRow, known: ReadonlyMap<number, ProcessRow>): HolderProcess['parent'] {
  if (parent === undefined) return undefined;
  const row = known.get(parent);
  const command = row === undefined ? undefined : wordsOf(row).command;
  return { pid: parent, ...(command !== undefined && { command }) };
}

// The same list is read for each of its rows.
const byPid = new WeakMap<readonly ProcessRow[], ReadonlyMap<number, ProcessRow>>();

function processesOf({ processes }: SocketList): ReadonlyMap<number, ProcessRow> {
  const known = byPid.get(processes) ?? new Map(processes.map((row) => [row.pid, row]));
  byPid.set(processes, known);
  return known;
}

const isOlder = (one: ProcessRow, other: ProcessRow) =>
  (one.startedAt ?? 0) - (other.startedAt ?? 0) || one.pid - other.pid;

/** A process in the words of a report; its parent's command is in `known`. */
export function processOf(row: ProcessRow, known: ReadonlyMap<number, ProcessRow>): HolderProcess {
  const parent = parentOf(row, known);
  return {
    pid: row.pid,
    ...wordsOf(row),
    ...userOf(row),
    self: row.pid === process.pid,
    ...(row.startedAt !== undefined && { startedAt: row.startedAt }),
    ...(parent !== undefined && { parent }),
  };
}

/** Turns a row into what a report says of it. */
export function holderOf(row: SocketRow, list: SocketList, port: number, protocol: Protocol): Holder {
  const { address, remoteAddress, remotePort, timeLeft } = row;
  const known = processesOf(list);
  const rows = row.pids.map((pid) => known.get(pid) ?? bare<ProcessRow>({ pid })).sort(isOlder);
  const [first] = rows;
  const processes = rows.map((one) => processOf(one, known));
  const self = processes.some((one) => one.self);
  const container = (first && forwardedTo(first.executable ?? first.name, first.arguments)) ?? containerOf(row.cgroup);
  const hidden = whyHidden(row, list);
  // Of a leftover, the kernel says uid 0.
  const hasUser = row.isOpen || remotePort === undefined;
  const words = first && wordsOf(first);
  return {
    ...(first !== undefined && { pid: first.pid }),
    ...words,
    ...(hasUser && userOf(row)),
    ...(container !== undefined && { container: printable(container) }),
    address,
    port,
    ...(remoteAddress !== undefined && { remoteAddress, remotePort: remotePort as number }),
    protocol,
    state: stateName(row, protocol),
    self,
    sameProgram: self || (row.isOpen ? isSameProgram(first) : null),
    ...(timeLeft !== undefined && { timeLeftMs: timeLeft }),
    ...(row.isOpen && { processes, hiddenProcesses: hidden !== undefined || !list.areOwnersWhole }),
    ...(hidden !== undefined && { hidden }),
  };
}
