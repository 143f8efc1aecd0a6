import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import { AppError, type Fault } from '../../util/errors.ts';
import type { Context, Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { isFolder } from '../folder-or-image.ts';
import { storeOption } from '../store-option.ts';

interface VerifyOptions {
  boot: boolean;
  store?: string;
  quick?: boolean;
  fingerprint?: string;
}

export function verifyCommand(run: Run): Command {
  return new Command('verify')
    .summary('prove an image: a built one by booting it, a published one by its signatures')
    .description(
      'Proves the image in an output folder on the bytes that will be published: reads it offline, boots it by BIOS and UEFI, and compares two clones. Without KVM the machines are emulated, which takes minutes.\nProves a published image from anywhere: the keys of its store, the signature, age and channel of the catalog, the signed manifest, and the digest of every byte. The image is never changed.',
    )
    .argument('<folder|image>', 'the output folder of a build; or NAME, NAME@CHANNEL, NAME@VERSION or NAME@sha256:... of a store')
    .option('--no-boot', 'of a folder: only the checks that need no machine')
    .addOption(storeOption().makeOptionMandatory(false))
    .option('--quick', 'of a published image: do not read its files, only what is said of them')
    .option('--fingerprint <fingerprint>', 'at the first use of a store: trust it only when this key has signed it')
    .addHelpText(
      'after',
      examples(
        ['gabarit verify out/debian-12/20261123.1', 'All checks.'],
        ['gabarit verify out/debian-12/20261123.1 --no-boot', 'Only what can be read from the disk: seconds.'],
        ['gabarit verify debian-12@stable --store file:/srv/templates', 'What was published, from the keys to the last byte.'],
        ['gabarit verify debian-12@stable --store s3://templates --quick', 'Without downloading it.'],
      ),
    )
    .action((what: string, options: VerifyOptions) =>
      run((context) =>
        isFolder(what, options.store) ? verifyFolder(what, options, context) : verifyImage(what, options, context),
      ),
    );
}

async function verifyFolder(folder: string, { boot }: VerifyOptions, context: Context): Promise<void> {
  const { globals, style, signal, openApp, answer } = context;
  const app = await openApp({ kind: 'steps' });
  const { verdictSummary } = await import('../render/verdicts.ts');
  const verdicts = await app.verify(folder, { boot }, signal);
  const failed = verdicts.filter(({ status }) => status === 'fail');
  answer({ type: 'result', verdicts }, () => (globals.quiet ? '' : verdictSummary(verdicts, style)));
  if (failed.length > 0) {
    throw new AppError('CHECK_FAILED', `${folder} failed ${failed.length} of ${verdicts.length} checks`, {
      faults: faultsOf(failed),
    });
  }
}

async function verifyImage(name: string, options: VerifyOptions, context: Context): Promise<void> {
  const { globals, style, signal, openApp, answer } = context;
  const { store, quick = false, fingerprint } = options;
  const reference = parseImageReference(name);
  if (store === undefined) {
    throw new AppError('USAGE', `Where is ${name} published?`, {
      hint: `Give --store, or set GABARIT_STORE. A folder is written as ./${name}.`,
    });
  }
  const app = await openApp({ kind: 'steps' });
  const { verdictTable } = await import('../render/verdicts.ts');
  const { verdicts, image, failure } = await app.verifyPublished(reference, store, { quick, fingerprint }, signal);
  answer({ type: 'result', verdicts, ...(image ? { image } : {}), verified: failure === undefined }, () =>
    globals.quiet ? (failure === undefined && image ? `${image.template}@${image.digest}\n` : '') : verdictTable(verdicts, style),
  );
  if (failure !== undefined) {
    throw new AppError(failure, `${name} in ${store} is not to be trusted`, {
      faults: faultsOf(verdicts.filter(({ status }) => status === 'fail')),
    });
  }
}

function faultsOf(failed: readonly { check: string; subject?: string; message: string }[]): Fault[] {
  return failed.map(({ check, subject, message }) => ({
    message: `${check}${subject === undefined ? '' : ` (${subject})`}: ${message}`,
  }));
}
