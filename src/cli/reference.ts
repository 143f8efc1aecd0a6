import type { Command } from 'commander';
import { exitTable } from '../util/error-table.ts';
import { allCodes } from './render/explain.ts';

/** docs/reference/cli.md: the help of every command, as it is printed 100 columns wide. */
export function cliReference(program: Command): string {
  const sections = everyCommand(program).map((command) => `## \`${nameOf(command)}\`\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``);
  return `# The command line

Made from the commands themselves; \`--help\` shows the same. Options of all commands may stand anywhere on the line.
Standard output is for the answer, standard error for what happens meanwhile. What the exit codes mean is in
[errors.md](errors.md).

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

/** docs/reference/errors.md: the table of errors. */
export function errorReference(): string {
  const codes = allCodes();
  const sections = Object.entries(exitTable).map(([exit, meaning]) => {
    const rows = codes
      .filter((code) => String(code.exit) === exit)
      .map(
        ({ code, happened, todo, http, retry }) =>
          `| \`${code}\` | ${happened} | ${marked(todo)} | ${http} | ${retry ? 'may help' : ''} |`,
      );
    const head = '| Code | What happened | What to do | API status | Trying again |\n|---|---|---|---|---|';
    return `## Exit code ${exit}: ${meaning.charAt(0).toLowerCase()}${meaning.slice(1)}\n\n${head}\n${rows.join('\n')}`;
  });
  return `# Errors and exit codes

Made from the table in the code (\`src/util/error-table.ts\`); \`gabarit explain CODE\` shows the same.
Every failure that Gabarit knows has a code. It is in the message, in the events of \`--json\` and in the answers of the API.
The exit code of the process follows from it; when several builds fail, the highest one counts. 0 is success. An error without a code is
a bug: it is called \`BUG\` in \`--json\`. The launcher itself exits with 4 when it cannot bring Node, the libraries or a tool of the host.

${sections.join('\n\n')}
`;
}

/** Commands stand in double quotes in a terminal. */
function marked(text: string): string {
  return text.replaceAll(/"([^"]+)"/g, '`$1`');
}
