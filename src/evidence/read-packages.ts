import { createHash } from 'node:crypto';
import type { Rootfs } from '../model/check.ts';
import type { PackageFacts } from '../model/package-facts.ts';
import { licencesOf } from './shared/licences.ts';

/** Reads what dpkg's database and the copyright files of an image say, sorted by name. Nothing is run, nothing is mounted. */
export async function readPackages(rootfs: Rootfs): Promise<PackageFacts[]> {
  const status = (await rootfs.readText('/var/lib/dpkg/status')) ?? '';
  const facts: PackageFacts[] = [];
  for (const stanza of status.split(/\n\n+/)) {
    const field = (name: string): string | undefined => new RegExp(`^${name}: *(.*)$`, 'm').exec(stanza)?.[1];
    const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')];
    if (!field('Status')?.endsWith(' installed') || name === undefined || version === undefined || !architecture) continue;
    const homepage = field('Homepage');
    facts.push({
      name,
      version,
      architecture,
      source: sourceOf(field('Source'), name, version),
      ...(homepage === undefined ? {} : { homepage }),
      ...(await copyrightOf(rootfs, name)),
    });
  }
  return facts.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.architecture < b.architecture ? -1 : 1));
}

/** `Source: glibc`, `Source: gcc-12 (12.2.0-14)`, or nothing when it is called like the package. */
function sourceOf(field: string | undefined, name: string, version: string): PackageFacts['source'] {
  const [, source, own] = /^(\S+)(?: \((.*)\))?/.exec(field ?? '') ?? [];
  return { name: source ?? name, version: own ?? version };
}

async function copyrightOf(rootfs: Rootfs, name: string): Promise<Pick<PackageFacts, 'licences' | 'copyright'>> {
  const bytes = await rootfs.readFile(`/usr/share/doc/${name}/copyright`);
  if (bytes === undefined) return { licences: [] };
  return { licences: licencesOf(bytes.toString()), copyright: createHash('sha256').update(bytes).digest('hex') };
}
