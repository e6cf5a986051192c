// The bind matrix of this machine: measured by root and by an ordinary user, it is what the rule of the system predicts in every pair.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cell, KEYS } from '../../matrix/cells.ts';
import type { PageData } from '../../matrix/html/data.ts';
import type { Matrix } from '../../matrix/index.ts';
import { isLinux, isWine } from '../fixtures/facts.ts';
import { schemaOf, wrongIn as wrongInJson } from '../fixtures/json-schema.ts';
import { AS_NOBODY, has, IN_ANOTHER_NETWORK, needs } from '../fixtures/needs.ts';
import { readableNode, readablePackage } from '../fixtures/readable.ts';
import { runCommand } from '../fixtures/register/run.ts';
import { itOn, itWhere } from '../fixtures/systems.ts';

const command = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));
// Ports of this run's network are for the other tests.
const OWN_NETWORK = isLinux && has('another network') ? IN_ANOTHER_NETWORK : [];
const WITHOUT_IPV6 = ['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"', 'sh'];
const MINUTE = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'exactbind-matrix-'));
const page = join(folder, 'matrix.html');

// What does not depend on Node is measured on one; and once under Wine, which is slower.
const once = isWine || process.env['EXACTBIND_TEST_NODE'] !== undefined;

async function measured(before: readonly string[] = []): Promise<Matrix> {
  // Another user may not be able to read the clone.
  const program =
    before === AS_NOBODY ? [readableNode(), join(readablePackage(), 'dist/cli.cjs')] : [process.execPath, command];
  const written = before.length === 0 ? ['--html', page] : [];
  const [file = '', ...args] = [...OWN_NETWORK, ...before, ...program, 'matrix', '--json', ...written];
  const { code, stdout, stderr } = await runCommand(file, args, {});
  // Where there is no terminal: how far it is.
  expect(stderr).toMatch(/^([\d,]+ of [\d,]+ cells\n)+$/);
  const matrix: Matrix = JSON.parse(stdout);
  expect(code).toBe(wrongIn(matrix).length > 0 ? 1 : 0);
  expect(wrongInJson(matrix, schemaOf('matrix'))).toEqual([]);
  return matrix;
}

const keyOf = ({ protocol, first, second }: Cell) => JSON.stringify([protocol, first, second]);

/** Pairs that are not as predicted, in words. */
function wrongIn({ cells }: Matrix): string[] {
  const wrong = cells.filter(({ measured: found, predicted }) =>
    KEYS.some((key) => predicted[key] !== 'unknown' && predicted[key] !== found[key]),
  );
  return wrong.map((cell) => `${keyOf(cell)} ${JSON.stringify(cell.measured)} ${JSON.stringify(cell.predicted)}`);
}

/** Pairs of both in which something else was measured, and how many both have. */
function differences(one: Matrix, other: Matrix): { common: number; different: string[] } {
  const known = new Map(one.cells.map((cell) => [keyOf(cell), JSON.stringify(cell.measured)]));
  const common = other.cells.filter((cell) => known.has(keyOf(cell)));
  const different = common.filter((cell) => known.get(keyOf(cell)) !== JSON.stringify(cell.measured));
  return { common: common.length, different: different.map(keyOf) };
}

afterAll(() => rmSync(folder, { recursive: true }));

let first: Matrix;
beforeAll(async () => {
  first = await measured();
}, 5 * MINUTE);

describe('the page of it', () => {
  it('has every cell as it was measured, and says on what', () => {
    const text = readFileSync(page, 'utf8');
    expect(Buffer.byteLength(text)).toBeLessThan(300_000);
    const [, json = ''] = /id="data">(.*?)<\/script>/s.exec(text) ?? [];
    const { alphabet, systems } = JSON.parse(json) as PageData;
    const [own] = systems;
    const { rows, seconds, legend } = own as PageData['systems'][number];
    const differing = first.cells.filter(({ protocol, first: one, second: two, measured: found }) => {
      const row = rows[[protocol, one.state, one.sharing, one.address].join(' ')] as string;
      const character = row[seconds.indexOf([two.owner, two.sharing, two.address].join(' '))] as string;
      const values = legend[alphabet.indexOf(character)]?.values;
      return JSON.stringify(values) !== JSON.stringify(KEYS.map((key) => found[key]));
    });
    expect(differing).toEqual([]);
    expect(own).toMatchObject({ os: first.os, isMeasured: true });
    expect(own?.origin).toContain(`Measured on ${isWine ? 'Wine' : first.kernel} ${first.arch}, Node ${first.node}`);
    expect(systems.slice(1).map(({ isMeasured }) => isMeasured)).toEqual(systems.slice(1).map(() => false));
  });
});

describe('the bind matrix', () => {
  it('is predicted in every pair', () => {
    expect(wrongIn(first)).toEqual([]);
    expect(first.os).toBe(
      isWine ? 'wine' : { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform as 'linux'],
    );
    expect(first).toMatchObject({ arch: process.arch, node: process.version, uid: process.getuid?.() ?? null });
  });

  itOn('linux')('leaves nothing open to the rule, and nothing out that there is', () => {
    expect(first.cells.filter(({ predicted }) => Object.values(predicted).includes('unknown'))).toEqual([]);
    needs('IPv6', 'another user');
    expect(first.leftOut).toEqual({});
    expect(first.cells).toHaveLength(18_816);
    expect(new Set(first.cells.map(keyOf)).size).toBe(18_816);
  });

  itWhere(isLinux && !once)(
    'is the same for an ordinary user, who has no other user',
    async () => {
      needs('another user', 'util-linux');
      const user = await measured(AS_NOBODY);
      expect(wrongIn(user)).toEqual([]);
      expect(user.leftOut).toEqual({ 'other-user': 'it takes root to become another user' });
      const own = first.cells.filter(({ second }) => second.owner !== 'other-user');
      expect(differences(first, user)).toEqual({ common: own.length, different: [] });
    },
    5 * MINUTE,
  );

  itWhere(isLinux && !once)(
    'is predicted where there is no IPv6',
    async () => {
      needs('another network');
      const without = await measured(WITHOUT_IPV6);
      expect(wrongIn(without)).toEqual([]);
      expect(Object.keys(without.leftOut)).toEqual([
        '::1',
        ':: V6ONLY',
        ...(has('another user') ? [] : ['other-user']),
      ]);
      const owners = new Set(without.cells.map(({ second }) => second.owner)).size;
      expect(without.cells).toHaveLength(3200 * owners);
    },
    5 * MINUTE,
  );

  itWhere(isLinux && !once)('leaves the terminal as it was if it is interrupted', async () => {
    needs('python3');
    const terminal = ['-c', 'import pty, sys; pty.spawn(sys.argv[1:])'];
    const [file = '', ...args] = [...OWN_NETWORK, 'python3', ...terminal, process.execPath, command, 'matrix'];
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    for await (const chunk of child.stdout) {
      shown += chunk;
      // What Ctrl-C is to a terminal.
      if (shown.includes('cells') && child.stdin.writable) child.stdin.end('\x03');
    }
    expect(shown).toMatch(/ of [\d,]+ cells/);
    expect(shown).not.toContain('\x1b[?7l');
  });
});
