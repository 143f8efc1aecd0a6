import { Command, InvalidArgumentError } from 'commander';
import type { GivenSettings } from '../../catalog/diagnose-store.ts';
import { isStoreName } from '../../model/store-settings.ts';
import { credentialPattern } from '../../util/credential.ts';
import { AppError, errorTable } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

interface DoctorOptions {
  endpoint?: string;
  region?: string;
  ca?: string;
  accessKey?: string;
  secretKey?: string;
  write?: boolean;
  as?: string;
}

export function storeCommand(run: Run): Command {
  return new Command('store')
    .summary('find out what a store needs, and clean it')
    .description('Looks after stores.')
    .addCommand(doctorCommand(run))
    .addCommand(sweepCommand(run));
}

function doctorCommand(run: Run): Command {
  return new Command('doctor')
    .summary('find the settings that work with an S3 server')
    .description(
      'Tries out an S3 server, one thing after the other: name, connection, TLS, clock, region, addressing, signature, rights, and what servers do differently. Says in plain words what is wrong and what to do, and which settings work.\nOnly tiny objects below gabarit-probe/ are written, and deleted again. Exit code 0: it works; 7: it does not, or not as it is configured.',
    )
    .argument('<store>', 'a name in the configuration, s3://BUCKET/PREFIX, or https://ENDPOINT/BUCKET/PREFIX')
    .option('--endpoint <url>', 'where S3 is spoken, when it is not AWS', endpointOf)
    .option('--region <name>', 'the region to try first')
    .option('--ca <file>', 'a PEM file with the authorities to trust')
    .option('--access-key <reference>', 'the access key: env:NAME or file:PATH')
    .option('--secret-key <reference>', 'the secret key: env:NAME or file:PATH')
    .option('--write', 'write the settings that work into the configuration file')
    .option('--as <name>', 'the name to write a new store under (default: its bucket)', nameOf)
    .addHelpText(
      'after',
      examples(
        ['gabarit store doctor prod', 'Does the store "prod" of the configuration work? If not, why?'],
        [
          'gabarit store doctor https://s3.example:9000/templates --write --as prod',
          'Find what works there, and keep it as "prod".',
        ],
        ['gabarit store doctor s3://templates --endpoint https://s3.example --ca ca.pem', 'With an authority of your own.'],
      ),
    )
    .action((store: string, options: DoctorOptions) =>
      run(async ({ globals, style, signal, openApp, answer }) => {
        const given = givenBy(options);
        const { diagnosisText, settingsToWrite } = await import('../render/store-diagnosis.ts');
        const app = await openApp({ kind: 'steps' });
        const { name: known, diagnosis } = await app.storeDoctor(store, given, signal);
        const name = known ?? options.as ?? nameFor(diagnosis.url);
        const settings = settingsToWrite(diagnosis, given, known !== undefined);
        const mustChange = known !== undefined && diagnosis.changes.length > 0;
        let written: string | undefined;
        if (options.write && diagnosis.works && Object.keys(settings).length > 0) written = await app.writeStore(name, settings);
        answer({ type: 'result', name, diagnosis, ...(written === undefined ? {} : { written }) }, () =>
          diagnosisText({ name, isConfigured: known !== undefined, diagnosis, settings, written }, style, globals.quiet === true),
        );
        return diagnosis.works && (!mustChange || written !== undefined) ? 0 : errorTable.STORE_FAILED.exit;
      }),
    );
}

function sweepCommand(run: Run): Command {
  return new Command('sweep')
    .summary('remove unfinished uploads')
    .description(
      'Removes what uploads to S3 have left that broke off: parts that are paid for and seen by nobody. Only below templates/ of the store, and only where nothing was added for a day, so that uploads that still run, or wait to be resumed, stay.\nWhat nobody went on with for a day is also removed by the next large upload of the same template.',
    )
    .argument('<store>', 'a name in the configuration, or s3://BUCKET/PREFIX')
    .option('--older-than <hours>', 'those to which nothing was added for so many hours', hoursOf, 24)
    .option('--dry-run', 'only say what would be removed')
    .addHelpText(
      'after',
      examples(
        ['gabarit store sweep prod --dry-run', 'Show what would be removed.'],
        ['gabarit store sweep s3://templates/gabarit --older-than 2', 'Remove what nobody went on with for two hours.'],
      ),
    )
    .action((store: string, { olderThan, dryRun = false }: { olderThan: number; dryRun?: boolean }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const { sweepText } = await import('../render/store-sweep.ts');
        const app = await openApp({ kind: 'data' });
        const sweep = await app.sweepStore(store, { olderThanMs: olderThan * 3_600_000, dryRun }, signal);
        answer(sweep, () => (globals.quiet ? '' : sweepText(sweep)));
      }),
    );
}

function hoursOf(value: string): number {
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('It must be a whole number of hours, at least 1.');
}

function endpointOf(value: string): string {
  const { protocol } = URL.parse(value) ?? { protocol: '' };
  if (protocol === 'https:' || protocol === 'http:') return value;
  throw new InvalidArgumentError('It must be a URL such as https://s3.example:9000.');
}

function nameOf(value: string): string {
  if (isStoreName(value)) return value;
  throw new InvalidArgumentError('It must be a lower-case word: letters, digits and "-".');
}

function nameFor(url: string): string {
  const bucket = url.replace(/^s3:\/\//, '').split('/')[0] ?? '';
  return bucket.replaceAll('.', '-');
}

/** @throws AppError USAGE when a key is not named but given, which is repeated nowhere, or when only one of the two is there */
function givenBy({ endpoint, region, ca, accessKey, secretKey }: DoctorOptions): GivenSettings {
  if ((accessKey === undefined) !== (secretKey === undefined))
    throw new AppError('USAGE', '--access-key and --secret-key go together');
  for (const reference of [accessKey, secretKey]) {
    if (reference !== undefined && !credentialPattern.test(reference))
      throw new AppError('USAGE', '--access-key and --secret-key are env:NAME or file:PATH, never the key itself');
  }
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(ca === undefined ? {} : { ca }),
    ...(accessKey === undefined || secretKey === undefined ? {} : { credentials: { accessKey, secretKey } }),
  };
}
