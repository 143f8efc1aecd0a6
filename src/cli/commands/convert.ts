import { stat } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ConversionRequest } from '../../model/conversion.ts';
import { formatSize, parseSize } from '../../model/size.ts';
import { defaultMachine, type VmDescription } from '../../model/vm-description.ts';
import { AppError } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

interface Options {
  to: string;
  from?: string;
  option?: Record<string, string>;
  disk: number;
  force?: boolean;
  name?: string;
  description?: string;
  imageVersion?: string;
  memory?: number;
  cpus?: number;
  firmware?: 'bios' | 'uefi' | 'uefi-secure-boot';
  network?: string[];
  template: boolean;
  sign?: string;
}

export function convertCommand(run: Run): Command {
  return new Command('convert')
    .summary('write a disk in another format')
    .description(
      'Writes a disk in another format. The format of the file is found out from its content, whatever its name is.\nThe new file lies beside it, under its name with another ending; --out names another file or folder. It is there whole or not at all.\nWhat formats of whole machines (ova, xva) say besides is read from the disk, or is told here.',
    )
    .argument('<file>', 'the disk')
    .requiredOption('--to <format>', 'the format to write: raw, qcow2, vhd, vhd-fixed, vmdk, vmdk-sparse, ova, xva')
    .option('--from <format>', 'the format of the file, where its content does not tell')
    .option('-o, --option <name=value>', 'of the format, for example checksum=sha1; may be repeated', pair)
    .option('--disk <n>', 'which disk of a file that holds several, from 0', atLeast(0), 0)
    .option('--force', 'replace a file that is there')
    .option('--name <name>', 'of the machine')
    .option('--description <text>', 'of the machine')
    .option('--image-version <version>', 'of the image, stamped on the machine')
    .option('--memory <size>', `of the machine (default: ${defaultMachine.memory.recommendedMiB / 1024}GiB)`, memory)
    .option('--cpus <n>', `of the machine (default: ${defaultMachine.cpus})`, atLeast(1))
    .addOption(
      new Option('--firmware <firmware>', 'of the machine (default: what the disk starts by)').choices([
        'bios',
        'uefi',
        'uefi-secure-boot',
      ]),
    )
    .option('--network <name>', 'a network card on this network; may be repeated', append)
    .option('--sign <reference>', 'sign an OVA: env:NAME or file:PATH of a private key and its certificate (PEM)')
    .option('--no-template', 'a machine, not a VM template')
    .addHelpText(
      'after',
      examples(
        ['gabarit convert disk.qcow2 --to vmdk', 'disk.vmdk, for vSphere.'],
        ['gabarit convert disk.raw --to xva --name web --memory 4GiB --cpus 4 --firmware uefi', 'A VM template for XCP-ng.'],
        ['gabarit convert disk.raw --to xva -o checksum=sha1', 'For hosts older than XenServer and XCP-ng 8.1.'],
        ['gabarit convert disk.qcow2 --to ova --sign file:/etc/gabarit/ova.pem', 'A signed package for vSphere.'],
        ['gabarit convert export.xva --to qcow2 --out /srv/disks/', 'The first disk of an export, into that folder.'],
      ),
    )
    .action((file: string, options: Options) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const app = await openApp({ kind: 'steps' });
        const done = await app.convert(await requestOf(file, options, globals.out), signal);
        const { formatDuration, shortPath } = await import('../render/words.ts');
        const text = `${shortPath(done.path)}  ${done.format}, ${formatSize(done.size)} (a disk of ${formatSize(done.virtualSize)}) in ${formatDuration(done.durationMs)}\n`;
        answer({ type: 'result', ...done }, () => (globals.quiet ? `${done.path}\n` : text));
      }),
    );
}

async function requestOf(source: string, options: Options, out: string | undefined): Promise<ConversionRequest> {
  const isFolder = out !== undefined && (await stat(out).catch(() => undefined))?.isDirectory() === true;
  if (out?.endsWith('/') === true && !isFolder) throw new AppError('NOT_FOUND', `There is no folder ${out}`);
  return {
    source,
    to: options.to,
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(out === undefined ? {} : isFolder ? { folder: out } : { out }),
    choices: options.option ?? {},
    ...(options.sign === undefined ? {} : { signer: options.sign }),
    disk: options.disk,
    force: options.force === true,
    machine: machineOf(options),
  };
}

function machineOf({
  name,
  description,
  imageVersion,
  memory: size,
  cpus,
  firmware,
  network,
  template,
}: Options): Partial<VmDescription> {
  const recommendedMiB = size ?? defaultMachine.memory.recommendedMiB;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(imageVersion === undefined ? {} : { version: imageVersion }),
    memory: { recommendedMiB, minimumMiB: Math.min(recommendedMiB, defaultMachine.memory.minimumMiB) },
    ...(cpus === undefined ? {} : { cpus }),
    ...(firmware === undefined ? {} : { firmware: firmware === 'bios' ? 'bios' : 'uefi' }),
    secureBoot: firmware === 'uefi-secure-boot',
    ...(network === undefined ? {} : { networks: network }),
    isTemplate: template,
  };
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,4}$/.test(text) || Number(text) < least) throw new InvalidArgumentError(`It must be a number from ${least}.`);
    return Number(text);
  };
}

function append(text: string, all: string[] | undefined): string[] {
  return [...(all ?? []), text];
}

/** Whole MiB. */
function memory(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes < 64 * 2 ** 20)
    throw new InvalidArgumentError('It must be a size such as 2GiB, at least 64MiB.');
  return Math.floor(bytes / 2 ** 20);
}

function pair(text: string, all: Record<string, string> = {}): Record<string, string> {
  const match = /^([a-z][a-z0-9-]*)=([a-z0-9-]+)$/i.exec(text);
  if (!match) throw new InvalidArgumentError('It must be NAME=VALUE, for example checksum=sha1.');
  return { ...all, [match[1] ?? '']: match[2] ?? '' };
}
