// What a command is, the exit codes, and the error of one that is spelled wrong.

export const EXIT = { FREE: 0, TAKEN: 1, USAGE: 2, UNKNOWN: 3 } as const;

export interface Command {
  /** `inspect <port> [--json]` */
  readonly synopsis: string;
  /** One sentence. */
  readonly summary: string;
  /** Its options and exit codes, for --help. */
  readonly details: string;
  /**
   * @returns the exit code
   * @throws UsageError
   */
  run(args: readonly string[]): Promise<number>;
}

export class UsageError extends Error {
  /** Also what parseArgs() throws at a wrong option. */
  static is(error: unknown): error is Error {
    const { code } = error as NodeJS.ErrnoException;
    return error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS_') === true;
  }
}
