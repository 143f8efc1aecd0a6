import { join } from 'node:path';
import { Command } from 'commander';
import { AppError, errorTable } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function auditCommand(run: Run): Command {
  return new Command('audit')
    .summary('prove that the audit log of the server is whole')
    .description('Looks after the audit log of the server: who did what, each entry chained to the one before by its hash.')
    .addCommand(verifyCommand(run));
}

function verifyCommand(run: Run): Command {
  return new Command('verify')
    .summary('find what was changed, removed or inserted')
    .description(
      'Follows the chain of hashes from the first entry to the last. The head that it prints, kept elsewhere, also proves later that nothing was cut off at the end.',
    )
    .argument('[file]', 'the log (default: that of the server in the state folder)')
    .option('--head <head>', 'a head that was kept elsewhere, NUMBER:HASH: the log must still contain it')
    .addHelpText(
      'after',
      examples(
        ['gabarit audit verify', 'Exit code 7 when an entry was tampered with; its line is named.'],
        ['gabarit audit verify --head 120:sha256:4f…', 'The first 120 entries must be those that were there then.'],
      ),
    )
    .action((file: string | undefined, { head }: { head?: string }) =>
      run(async ({ openApp, answer }) => {
        const { verifyAuditLog } = await import('../../api/audit-log.ts');
        if (head !== undefined && !/^\d{1,15}:sha256:[0-9a-f]{64}$/.test(head)) {
          throw new AppError('USAGE', `${JSON.stringify(head)} is not a head`, {
            hint: 'It is NUMBER:sha256:…, as this command prints it.',
          });
        }
        const path = file ?? join((await openApp({ kind: 'data' })).config.stateDir, 'server/audit.jsonl');
        const report = await verifyAuditLog(path, head);
        answer(report, () =>
          report.ok ? `${path}: ${report.entries} entries, whole\nhead ${report.head}\n` : `${path}: ${report.fault ?? ''}\n`,
        );
        return report.ok ? 0 : errorTable.AUDIT_BROKEN.exit;
      }),
    );
}
