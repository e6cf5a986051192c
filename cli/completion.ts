// exactbind completion: a script for the shell, made from the commands and options that there are.
import { Argument, type Command } from 'commander';

interface Completed {
  readonly name: string;
  readonly summary: string;
  /** `--json`, and what it does. */
  readonly flags: readonly (readonly [flag: string, summary: string])[];
  /** Words that the first argument can be. */
  readonly choices: readonly string[];
}

/** Of a command, all that is not hidden; commander's help knows. */
function completedBy(command: Command): Completed {
  const help = command.createHelp();
  const flags = help
    .visibleOptions(command)
    .flatMap(({ short, long, description }) =>
      [short, long].flatMap((flag) => (flag ? [[flag, description] as const] : [])),
    );
  const choices = command.registeredArguments[0]?.argChoices ?? [];
  return { name: command.name(), summary: help.subcommandDescription(command), flags, choices };
}

const commandsOf = (program: Command) => program.createHelp().visibleCommands(program).map(completedBy);

const words = ({ flags, choices }: Completed) => [...choices, ...flags.map(([flag]) => flag)].join(' ');

function bash(program: Command): string {
  const commands = commandsOf(program);
  const names = commands.map(({ name }) => name).join(' ');
  const cases = commands.map((one) => `    ${one.name}) words='${words(one)}' ;;`);
  return [
    '_exactbind() {',
    // A word is what stands between blanks: [::1]:3000 is one.
    '  local words current="$2"',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words='${names} ${completedBy(program)
      .flags.map(([flag]) => flag)
      .join(' ')}'`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash's.
    '  else case "${COMP_WORDS[1]}" in',
    `    help) words='${names}' ;;`,
    ...cases.filter((line) => !line.startsWith('    help)')),
    '    *) words= ;;',
    '  esac; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o bashdefault -o default -F _exactbind exactbind',
  ].join('\n');
}

/** In single quotes of a shell, and free of what zsh takes for its own. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, '\\$&')}'`;

function zsh(program: Command): string {
  const commands = commandsOf(program);
  const cases = commands.map((one) => {
    const flags = one.flags.map(([flag, summary]) => quoted(`${flag}[${summary}]`).replaceAll(/\\([[\]])/g, '$1'));
    const choices = one.choices.length > 0 ? [`'1:word:(${one.choices.join(' ')})'`] : [`'*:word:_files'`];
    const known = one.name === 'help' ? [`'1:command:(${commands.map(({ name }) => name).join(' ')})'`] : [];
    return `    ${one.name}) _arguments ${[...flags, ...(known.length > 0 ? known : choices)].join(' ')} ;;`;
  });
  return [
    '#compdef exactbind',
    '_exactbind() {',
    '  local -a commands',
    `  commands=(${commands.map(({ name, summary }) => quoted(`${name}\0${summary}`).replace('\0', ':')).join(' ')})`,
    '  if (( CURRENT == 2 )); then _describe command commands; return; fi',
    '  shift words; (( CURRENT-- ))',
    '  case "$words[1]" in',
    ...cases,
    '  esac',
    '}',
    'if [ "$funcstack[1]" = _exactbind ]; then _exactbind "$@"; else compdef _exactbind exactbind; fi',
  ].join('\n');
}

const fishQuoted = (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;

function fish(program: Command): string {
  const commands = commandsOf(program);
  const first = '__fish_use_subcommand';
  const lines = commands.flatMap(({ name, summary, flags, choices }) => {
    const inside = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c exactbind -n ${first} -f -a ${name} -d ${fishQuoted(summary)}`,
      ...flags.map(([flag, described]) => {
        const kind = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
        return `complete -c exactbind ${inside} ${kind} -d ${fishQuoted(described)}`;
      }),
      ...(choices.length > 0 ? [`complete -c exactbind ${inside} -f -a ${fishQuoted(choices.join(' '))}`] : []),
    ];
  });
  return lines.join('\n');
}

const SHELLS = { bash, zsh, fish } as const;

/** Of a program whose other commands are known by then. */
export function completionOf(command: Command): Command {
  const shells = new Argument('<shell>', 'the shell that completes').choices(Object.keys(SHELLS));
  return command
    .summary('print a script that completes commands in a shell')
    .description(
      'Prints a script that completes commands and options.\n\n' +
        'bash: eval "$(exactbind completion bash)" in ~/.bashrc\n' +
        'zsh:  eval "$(exactbind completion zsh)" in ~/.zshrc, after compinit\n' +
        'fish: exactbind completion fish | source, in ~/.config/fish/config.fish',
    )
    .addArgument(shells)
    .action((shell: keyof typeof SHELLS) => {
      process.stdout.write(`${SHELLS[shell](command.parent as Command)}\n`);
    });
}
