import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExtractedPackage } from './extract.ts';

/**
 * Writes dpkg's own record of packages that are unpacked but not configured, as `dpkg --unpack` leaves it. The format is
 * described in dpkg's documentation (deb-control, deb-triggers) and its admindir; a test compares the outcome with dpkg's own.
 */

export interface UnpackedPackage extends ExtractedPackage {
  name: string;
  /** Of its .deb, 64 hex digits. */
  sha256: string;
  /** `name:arch` for packages that may be installed for several architectures, else `name`: how its files are called. */
  stem: string;
  fields: Map<string, string>;
}

/** Parses one stanza of control fields; names in lower case, continuation lines kept. */
export function parseControl(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    const match = /^([^\s:]+):\s?(.*)$/.exec(line);
    if (match) {
      last = (match[1] ?? '').toLowerCase();
      fields.set(last, match[2] ?? '');
    } else if (/^[ \t]/.test(line)) fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
  }
  return fields;
}

/** Names a package from its control file. */
export function describePackage(extracted: ExtractedPackage, sha256: string): UnpackedPackage {
  const fields = parseControl(extracted.control.get('control')?.content.toString('utf8') ?? '');
  const name = fields.get('package') ?? '';
  const architecture = fields.get('architecture') ?? '';
  return { ...extracted, name, sha256, fields, stem: fields.get('multi-arch') === 'same' ? `${name}:${architecture}` : name };
}

const notKept = new Set(['control']);

/** Writes the whole database for these packages, in the order in which they count as unpacked. */
export async function writeDatabase(tree: string, packages: UnpackedPackage[]): Promise<void> {
  const admin = join(tree, 'var/lib/dpkg');
  for (const folder of ['info', 'updates', 'triggers', 'parts', 'alternatives'])
    await mkdir(join(admin, folder), { recursive: true });
  await writeFile(join(admin, 'info/format'), '1\n');
  for (const name of ['diversions', 'statoverride', 'triggers/Unincorp']) await appendFile(join(admin, name), '');
  const fileTriggers: string[] = [];
  const namedTriggers = new Map<string, string[]>();
  await Promise.all(
    packages.map(async ({ stem, control, members }) => {
      for (const [name, { content, mode }] of control) {
        if (!notKept.has(name)) await writeFile(join(admin, 'info', `${stem}.${name}`), content, { mode });
      }
      await writeFile(join(admin, 'info', `${stem}.list`), members.map(({ path }) => `${path}\n`).join(''));
    }),
  );
  for (const { stem, control } of packages) {
    for (const { directive, trigger } of parseTriggers(control.get('triggers')?.content.toString('utf8') ?? '')) {
      const interested = directive.endsWith('-noawait') ? `${stem}/noawait` : stem;
      if (trigger.startsWith('/')) fileTriggers.push(`${trigger} ${interested}\n`);
      else namedTriggers.set(trigger, [...(namedTriggers.get(trigger) ?? []), `${interested}\n`]);
    }
  }
  await writeFile(join(admin, 'triggers/File'), fileTriggers.join(''));
  for (const [trigger, lines] of namedTriggers) await writeFile(join(admin, 'triggers', trigger), lines.join(''));
  const stanzas = await Promise.all(packages.toSorted((a, b) => (a.stem < b.stem ? -1 : 1)).map((item) => stanza(tree, item)));
  await writeFile(join(admin, 'status'), stanzas.join('\n'));
}

function parseTriggers(text: string): { directive: string; trigger: string }[] {
  return text.split('\n').flatMap((line) => {
    const [directive = '', trigger = ''] = line.replace(/#.*/, '').trim().split(/\s+/);
    return directive.startsWith('interest') && trigger !== '' ? [{ directive, trigger }] : [];
  });
}

async function stanza(tree: string, item: UnpackedPackage): Promise<string> {
  const lines = (item.control.get('control')?.content.toString('utf8') ?? '').trimEnd().split('\n');
  lines.splice(1, 0, 'Status: install ok unpacked');
  const conffiles = (item.control.get('conffiles')?.content.toString('utf8') ?? '').split('\n').map((line) => line.trim());
  if (conffiles.some(Boolean)) lines.push('Conffiles:');
  for (const line of conffiles.filter(Boolean)) {
    const gone = /^remove-on-upgrade\s+(.*)$/.exec(line)?.[1];
    // A file that this version no longer brings has no content; this is how dpkg notes it.
    if (gone !== undefined) lines.push(` ${gone} newconffile remove-on-upgrade`);
    else
      lines.push(
        ` ${line} ${createHash('md5')
          .update(await readFile(join(tree, line)))
          .digest('hex')}`,
      );
  }
  return `${lines.join('\n')}\n`;
}
