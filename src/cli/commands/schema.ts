import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function schemaCommand(run: Run): Command {
  return new Command('schema')
    .summary('JSON Schema of definitions, for editors')
    .description('Prints the JSON Schema of definitions, for completion and checking in editors.')
    .addHelpText(
      'after',
      examples([
        'gabarit schema > template.schema.json',
        'Then begin a definition with: # yaml-language-server: $schema=template.schema.json',
      ]),
    )
    .action(() =>
      run(async ({ answer }) => {
        const { templateJsonSchema, templateJsonSchemaText } = await import('../../model/template-json-schema.ts');
        answer(templateJsonSchema(), templateJsonSchemaText);
      }),
    );
}
