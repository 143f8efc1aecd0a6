import type { PackerCause } from './causes.ts';

/** docs/packer-errors.md: every known failure of Packer, with what to do. */
export function causesPage(causes: readonly PackerCause[]): string {
  const sections = causes.map(
    ({ id, pattern, cause, todo, code, retry, source }) =>
      `## \`${id}\`\n\n${cause}\n\n${todo}\n\nCode \`${code}\`${retry ? '; tried again, up to three times' : ''}. Known by \`${pattern.source.replaceAll('`', "'")}\`. Source: ${source}.`,
  );
  return `# When Packer fails

Made from the table in \`src/engines/packer/causes.ts\`. The engine \`packer\` reads what Packer and its plugins say, and answers with the
plain cause and what to do. Each pattern has a source: the code that says it, its maker's reference, or a report. Only what may go away by
itself is tried again. \`gabarit build --on-error keep\` leaves the machine of a failed build running, and prints how to log in. Codes are
explained in [errors.md](reference/errors.md).

${sections.join('\n\n')}
`;
}
