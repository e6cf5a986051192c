// Answers the commands of the process that started this one, and ends with it.
import process from 'node:process';

/**
 * A command is `{ do: name, ... }`; what it answers is sent, unless that is undefined.
 * @param {Record<string, (command: any) => unknown>} commands
 */
export function obey(commands) {
  process.on('message', async ({ do: name, ...command }) => {
    const answer = await commands[name](command);
    if (answer !== undefined) process.send?.(answer);
  });
  // The process that gave the commands is gone.
  process.on('disconnect', () => process.exit());
}
