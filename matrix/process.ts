// A process that holds sockets of the matrix on command, perhaps as another user.
import { Party, type Wish } from './party.ts';

/** A command; `id` is the number of the socket that it is for. */
export type Command =
  | { readonly do: 'become'; readonly user: string }
  | { readonly do: 'attempt'; readonly id: number; readonly wish: Wish }
  | { readonly do: 'serve'; readonly id: number; readonly name: string }
  | { readonly do: 'close'; readonly id: number };

/** What came of becoming another user. */
export type Become = { readonly uid: number } | { readonly error: string };

const parties = new Map<number, Party>();

// As another user it may not be allowed to read the files of the package: what is loaded late is loaded now.
async function loadEverything(): Promise<void> {
  const rehearsal = new Party();
  rehearsal.attempt({ protocol: 'udp', sharing: 'none', address: '127.0.0.1', port: 0 });
  rehearsal.serve('');
  await rehearsal.close();
}

async function become(user: string): Promise<Become> {
  await loadEverything();
  try {
    process.setgroups?.([]);
    process.setuid?.(user);
  } catch (error) {
    return { error: (error as Error).message };
  }
  return { uid: process.getuid?.() as number };
}

async function obey(command: Command): Promise<object> {
  if (command.do === 'become') return become(command.user);
  const party = parties.get(command.id) ?? new Party();
  parties.set(command.id, party);
  if (command.do === 'attempt') return party.attempt(command.wish);
  if (command.do === 'serve') party.serve(command.name);
  else await party.close();
  return {};
}

/** Obeys the process that has forked this one, until it is gone. */
export function obeyParent(): void {
  process.on('message', async (command: Command) => process.send?.(await obey(command)));
  process.on('disconnect', () => process.exit());
}
