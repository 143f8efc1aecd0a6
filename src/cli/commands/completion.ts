import { Argument, Command } from 'commander';
import type { CommandFacts } from '../completion/tree.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

/** Loaded when asked for: other commands need not wait for them. */
const shells: Record<string, () => Promise<(commands: readonly CommandFacts[]) => string>> = {
  bash: async () => (await import('../completion/bash.ts')).bashCompletion,
  zsh: async () => (await import('../completion/zsh.ts')).zshCompletion,
  fish: async () => (await import('../completion/fish.ts')).fishCompletion,
};

export function completionCommand(run: Run, program: () => Command): Command {
  return new Command('completion')
    .summary('completion for bash, zsh and fish')
    .description('Prints a script that completes commands, options and names of templates in your shell.')
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(shells)))
    .addHelpText(
      'after',
      examples(
        ['source <(gabarit completion bash)', 'In ~/.bashrc.'],
        ['source <(gabarit completion zsh)', 'In ~/.zshrc, after compinit.'],
        ['gabarit completion fish > ~/.config/fish/completions/gabarit.fish', 'Once.'],
      ),
    )
    .action((shell: string) =>
      run(async ({ answer }) => {
        const { describeCommands } = await import('../completion/tree.ts');
        const write = await shells[shell]?.();
        const script = write?.(describeCommands(program())) ?? '';
        answer({ shell, script }, () => script);
      }),
    );
}
