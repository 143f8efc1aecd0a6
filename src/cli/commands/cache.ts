import { Command } from 'commander';
import { AppError } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { count } from '../render/words.ts';

export function cacheCommand(run: Run): Command {
  return new Command('cache')
    .summary('look at the build cache, make room')
    .description('Looks at the build cache, and makes room.')
    .addCommand(listCommand(run))
    .addCommand(pruneCommand(run));
}

function listCommand(run: Run): Command {
  return new Command('ls')
    .summary('show what the cache holds')
    .description('Shows what the build cache holds, by kind; with -v every entry.')
    .addHelpText(
      'after',
      examples(['gabarit cache ls', 'How much of what.'], ['gabarit cache ls -v', 'Every entry, the least recently used first.']),
    )
    .action(() =>
      run(async ({ globals, style, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const { cacheText } = await import('../render/cache.ts');
        const entries = await app.cacheList();
        answer(entries, () => cacheText(entries, app.config.cacheDir, style, globals.verbose === true));
      }),
    );
}

function pruneCommand(run: Run): Command {
  return new Command('prune')
    .summary('remove what was not used lately')
    .description(
      'Removes the least recently used parts of the build cache, until it is within its limit. Everything can be made again.',
    )
    .option('--max-size <size>', 'what may stay, for example 10GiB (default: cacheLimit of the configuration)')
    .option('--all', 'remove everything')
    .addHelpText(
      'after',
      examples(
        ['gabarit cache prune --max-size 10GiB', 'Keep the 10 GiB that were used last.'],
        ['gabarit cache prune --all', 'Remove everything.'],
      ),
    )
    .action((options: { maxSize?: string; all?: boolean }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        if (options.all && options.maxSize !== undefined) throw new AppError('USAGE', '--all and --max-size exclude each other');
        const { formatSize, parseSize } = await import('../../model/size.ts');
        const maxBytes = options.maxSize === undefined ? undefined : parseSize(options.maxSize);
        if (options.maxSize !== undefined && maxBytes === undefined)
          throw new AppError('USAGE', `"${options.maxSize}" is not a size`, { hint: 'Write for example 512MiB or 10GiB.' });
        const app = await openApp({ kind: 'data' });
        const { removed } = await app.cachePrune(
          { ...(maxBytes === undefined ? {} : { maxBytes }), all: options.all === true },
          signal,
        );
        const bytes = removed.reduce((sum, { size }) => sum + size, 0);
        answer({ removed, bytes }, () =>
          globals.quiet ? '' : `Removed ${count(removed.length, 'part')}, ${formatSize(bytes)}\n`,
        );
      }),
    );
}
