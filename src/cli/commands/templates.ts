import { Command } from 'commander';
import type { TemplateSummary } from '../../model/build.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { shortPath, table } from '../render/words.ts';
import type { Style } from '../style.ts';

export function templatesCommand(run: Run): Command {
  return new Command('templates')
    .summary('list the templates that can be built')
    .description('Lists the templates that can be built: those in ./templates, in configured folders, and the shipped ones.')
    .addHelpText(
      'after',
      examples(
        ['gabarit templates', 'All templates; broken ones with their first fault.'],
        ['gabarit templates --quiet', 'Only the names.'],
      ),
    )
    .action(() =>
      run(async ({ globals, style, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const templates = await app.templates();
        answer(templates, () => (globals.quiet ? templates.map(({ name }) => `${name}\n`).join('') : listText(templates, style)));
      }),
    );
}

function listText(templates: readonly TemplateSummary[], style: Style): string {
  if (templates.length === 0) return 'There are no templates. "gabarit new NAME --from debian-12" makes one.\n';
  const rows = templates.map(({ name, os, newest, description }) => [name, os, newest ?? '-', description]);
  const [head = '', ...lines] = table([['TEMPLATE', 'SYSTEM', 'NEWEST', 'DESCRIPTION'], ...rows]);
  const text = lines.flatMap((line, at) => {
    const { error, warning } = templates[at] ?? {};
    if (error !== undefined) return [style.bad(line), `  ${style.bad('✗')} ${shortFault(error)}`];
    return warning === undefined ? [line] : [line, `  ${style.warning('!')} ${warning}`];
  });
  return `${[style.faint(head), ...text].join('\n')}\n`;
}

/** Faults begin with the path of their file. */
function shortFault(error: string): string {
  return error.startsWith('/') ? shortPath(error) : error;
}
