import type { Command } from 'commander';

/** docs/reference/cli.md: the help of every command, as it is printed 100 columns wide. */
export function cliReference(program: Command): string {
  const sections = everyCommand(program).map((command) => `## \`${nameOf(command)}\`\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``);
  return `# The command line

Made from the commands themselves; \`--help\` shows the same. Options of all commands may stand anywhere on the line.
Standard output is for the answer, standard error for what happens meanwhile. What the exit codes mean is in
[exit-codes.md](../exit-codes.md).

With \`--json\`, commands that do something (\`build\`, \`verify\`, \`publish\`) write one event a line, and last a line of type \`result\`;
commands that only ask write their answer as one line. An error is a line of type \`error\`.

${sections.join('\n\n')}
`;
}

/** The program and all commands below it, depth first. */
export function everyCommand(command: Command): Command[] {
  const children = command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help');
  return [command, ...children.flatMap(everyCommand)];
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

/** What `--help` prints, with the examples after it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHasColors: () => false, getOutHelpWidth: () => 100 });
  command.outputHelp();
  return text.trim();
}
