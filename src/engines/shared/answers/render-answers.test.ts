import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { answersRequest } from '../../../../test/answers-request.ts';
import { hasTool, needs } from '../../../../test/tools.ts';
import { exec } from '../../../util/exec.ts';
import { type AnswersRequest, answeredInstallers, type AnsweredInstaller } from './answers.ts';
import { renderAnswers } from './render-answers.ts';

const golden = join(import.meta.dirname, '../../../../test/golden/answers');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'answers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The first file of the answers, also written to the test's folder. */
async function written(request: AnswersRequest): Promise<{ text: string; path: string }> {
  const file = renderAnswers(request).files[0];
  if (!file) throw new Error('no file');
  const path = join(folder, file.name);
  await writeFile(path, file.text);
  return { text: file.text, path };
}

/** One definition, told to each installer, for each firmware. */
const variants = answeredInstallers.flatMap((installer) =>
  (['bios', 'uefi', 'both'] as const).map((firmware) => ({ installer, firmware })),
);

test.each(variants)('$installer, $firmware: as in the golden file', async ({ installer, firmware }) => {
  const { files, delivery, kernelArguments } = renderAnswers(answersRequest(installer, {}, { disk: { size: '8GiB', firmware } }));
  const head = `# delivery: ${Object.values(delivery).join(' ')}\n# kernel: ${kernelArguments.join(' ')}\n`;
  const text = head + files.map(({ name, text: content }) => `\n# --- ${name}\n${content}`).join('');
  await expect(text).toMatchFileSnapshot(join(golden, `${installer}-${firmware}.txt`));
});

test.each(answeredInstallers)('%s: without a mirror, a disk, a phone and a log', (installer) => {
  const { mirror, securityMirror, disk, phoneHome, logDevice, ...request } = answersRequest(installer);
  expect([mirror, securityMirror, disk, phoneHome, logDevice]).not.toContain(null);
  const { files, kernelArguments } = renderAnswers(request);
  const text = files.map((file) => file.text).join('') + kernelArguments.join(' ');
  expect(text).not.toMatch(/10\.0\.2\.2|mirror\.example|vda|ttyS1|undefined/);
});

test.each(answeredInstallers)('%s: root has the key and no password, and nobody else is made', (installer) => {
  const text = renderAnswers(answersRequest(installer))
    .files.map((file) => file.text)
    .join('');
  expect(text).toContain('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample gabarit-build');
  expect(text).not.toMatch(/\$[156y]\$/);
});

describe.skipIf(needs('debconf-set-selections'))('debconf itself', () => {
  test.each(['bios', 'uefi', 'both'] as const)('accepts the preseed file for %s', async (firmware) => {
    const { path } = await written(answersRequest('debian-installer', {}, { disk: { size: '8GiB', firmware } }));
    const { stderr } = await exec(['debconf-set-selections', '--checkonly', path]);
    expect(stderr).toBe('');
  });

  test('refuses one that is damaged', async () => {
    const path = join(folder, 'bad.cfg');
    await writeFile(path, 'd-i only-two\n');
    await expect(exec(['debconf-set-selections', '--checkonly', path])).rejects.toThrow(/parse error/);
  });
});

// Debian has no package of it: from PyPI (pykickstart), where somebody has put it.
describe.skipIf(!hasTool('ksvalidator'))("ksvalidator, Anaconda's own", () => {
  test.each(['RHEL8', 'RHEL9', 'RHEL10'])('accepts the kickstart file of every firmware for %s', async (version) => {
    const release = { id: version.slice(4), codename: '' };
    for (const firmware of ['bios', 'uefi', 'both'] as const) {
      const { path } = await written(answersRequest('anaconda', { release }, { disk: { size: '8GiB', firmware } }));
      await exec(['ksvalidator', '-e', '-v', version, path], { env: { TMPDIR: folder } });
    }
    const { mirror: _, ...fromMedium } = answersRequest('anaconda', { release });
    await exec(['ksvalidator', '-e', '-v', version, (await written(fromMedium)).path], { env: { TMPDIR: folder } });
  });

  test('refuses an unknown command', async () => {
    const { path, text } = await written(answersRequest('anaconda'));
    await writeFile(path, `shave --yak\n${text}`);
    await expect(exec(['ksvalidator', '-e', '-v', 'RHEL9', path], { env: { TMPDIR: folder } })).rejects.toThrow(/ksvalidator/);
  });
});

/** The part of Ubuntu's reference that is used here, in our own words: what is not in it was not meant. */
const text = { type: 'string' };
const bool = { type: 'boolean' };
const commands = { type: 'array', items: { type: ['string', 'array'], items: text } };
const closed = (properties: object, required: string[] = Object.keys(properties)): object => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const action = (type: string, properties: object, required: string[]): object =>
  closed({ type: { const: type }, id: text, ...properties }, ['type', 'id', ...required]);
const storageActions = [
  action('disk', { ptable: { enum: ['gpt'] }, wipe: text, path: text, match: { type: 'object' }, grub_device: bool }, [
    'ptable',
    'grub_device',
  ]),
  action('partition', { device: text, size: { type: 'integer' }, flag: { enum: ['bios_grub', 'boot'] }, grub_device: bool }, [
    'device',
    'size',
  ]),
  action('format', { volume: text, fstype: { enum: ['ext4', 'xfs', 'btrfs', 'fat32'] } }, ['volume', 'fstype']),
  action('mount', { device: text, path: text }, ['device', 'path']),
];
const autoinstallSchema = closed(
  {
    version: { const: 1 },
    'interactive-sections': { type: 'array', maxItems: 0 },
    'early-commands': commands,
    'late-commands': commands,
    'refresh-installer': closed({ update: bool }),
    locale: text,
    keyboard: closed({ layout: text }),
    timezone: { type: 'string', not: { pattern: '^Etc/' } },
    network: closed({ version: { const: 2 }, ethernets: { type: 'object' } }),
    apt: closed(
      {
        geoip: bool,
        fallback: { enum: ['abort', 'offline-install', 'continue-anyway'] },
        primary: { type: 'array' },
        security: { type: 'array' },
      },
      ['geoip'],
    ),
    storage: closed({ swap: closed({ size: { const: 0 } }), config: { type: 'array', items: { oneOf: storageActions } } }),
    kernel: closed({ package: text }),
    ssh: closed({ 'install-server': bool, 'allow-pw': bool }),
    'user-data': { type: 'object' },
    packages: { type: 'array', items: text },
    updates: { enum: ['security', 'all'] },
    shutdown: { enum: ['reboot', 'poweroff'] },
  },
  ['version', 'storage', 'locale', 'user-data', 'shutdown'],
);

describe('the autoinstall reference', () => {
  const valid = new Ajv({ strict: false }).compile(closed({ autoinstall: autoinstallSchema }));

  test.each(['bios', 'uefi', 'both'] as const)('is kept for %s', async (firmware) => {
    const { text: userData } = await written(answersRequest('subiquity', {}, { disk: { size: '8GiB', firmware } }));
    expect(userData.startsWith('#cloud-config\n')).toBe(true);
    const document = parse(userData) as {
      autoinstall: { storage: { config: { id: string; device?: string; volume?: string }[] } };
    };
    expect(valid(document), JSON.stringify(valid.errors)).toBe(true);
    // curtin takes the actions in order: each names only what stands before it.
    const seen = new Set<string>();
    for (const { id, device, volume } of document.autoinstall.storage.config) {
      for (const named of [device, volume]) if (named !== undefined) expect(seen).toContain(named);
      seen.add(id);
    }
  });
});

describe.skipIf(needs('xmllint'))('an XML parser', () => {
  test('reads the AutoYaST profile', async () => {
    const { path } = await written(answersRequest('autoyast'));
    const key = await exec(['xmllint', '--xpath', 'string(//*[local-name()="authorized_key"])', path]);
    expect(key.stdout.trim()).toBe('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample gabarit-build');
  });
});

const openOnes: [
  name: string,
  installer: AnsweredInstaller,
  template: object,
  more: Partial<AnswersRequest>,
  faults: RegExp[],
][] = [
  [
    'a locale without a country',
    'debian-installer',
    { locale: 'eo' },
    {},
    [/locale: Debian's installer would ask for the language and country/],
  ],
  ['a small disk', 'anaconda', { disk: { size: '2GiB' } }, {}, [/disk\.size: Anaconda would ask how to partition/]],
  ['both at once', 'subiquity', { locale: 'de', disk: { size: '3GiB' } }, {}, [/locale/, /disk\.size/]],
];

test.each(openOnes)('%s would be asked about, and is found before', (_name, installer, template, more, faults) => {
  let error: unknown;
  try {
    renderAnswers(answersRequest(installer, more, template));
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'TEMPLATE_INVALID', hint: 'Nothing was started.' });
  const found = (error as { faults: { message: string }[] }).faults.map(({ message }) => message);
  expect(found).toHaveLength(faults.length);
  for (const [index, fault] of faults.entries()) expect(found[index]).toMatch(fault);
});
