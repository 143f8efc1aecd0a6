import type { PackageFacts, SbomFacts } from '../model/package-facts.ts';
import { derivedUuid } from '../util/digest.ts';
import { spdxOf } from './shared/licences.ts';

/**
 * The software bill of materials of an image: CycloneDX 1.6, every installed package with its purl, the SHA-256 of the .deb that it came
 * from, and its licences. Pure: the same image gives the same bytes.
 */
export function sbomOf({ plan, version, packages, os, artifacts, gabarit, sourceDateEpoch }: SbomFacts): object {
  const { template, lock, arch } = plan;
  const digests = new Map(lock.packages.map((item) => [`${item.name}:${item.architecture} ${item.version}`, item.sha256]));
  const components = packages.map((item) =>
    componentOf(item, template.distro, os.pointRelease, digests.get(`${item.name}:${item.architecture} ${item.version}`)),
  );
  const image = `image:${template.name}@${version}`;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${derivedUuid(plan.id, `sbom ${version}`)}`,
    version: 1,
    metadata: {
      timestamp: new Date(sourceDateEpoch * 1000).toISOString(),
      lifecycles: [{ phase: 'build' }],
      tools: { components: [{ type: 'application', name: 'gabarit', version: gabarit }] },
      component: {
        'bom-ref': image,
        type: 'operating-system',
        name: template.name,
        version,
        description: template.description,
        properties: [
          { name: 'gabarit:plan', value: plan.id },
          { name: 'gabarit:architecture', value: arch },
          ...artifacts.map(({ name, digest }) => ({ name: `gabarit:artifact:${name}`, value: digest })),
        ],
      },
    },
    components: [
      {
        'bom-ref': `os:${template.distro}`,
        type: 'operating-system',
        name: template.distro,
        version: os.pointRelease,
        description: os.pretty,
      },
      ...components,
    ],
    dependencies: [{ ref: image, dependsOn: [`os:${template.distro}`, ...components.map((component) => component['bom-ref'])] }],
  };
}

interface Component {
  'bom-ref': string;
  [key: string]: unknown;
}

function componentOf(
  { name, version, architecture, source, homepage, licences, copyright }: PackageFacts,
  distro: string,
  release: string,
  sha256: string | undefined,
): Component {
  const purl = `pkg:deb/${distro}/${encode(name)}@${encode(version)}?arch=${architecture}&distro=${distro}-${encode(release)}`;
  return {
    'bom-ref': purl,
    type: 'library',
    name,
    version,
    purl,
    // What is not in the lock was installed by a script of the definition's own: nobody pinned it.
    ...(sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
    ...(licences.length === 0 ? {} : { licenses: licences.map(licenceOf) }),
    ...(homepage === undefined || !URL.canParse(homepage) ? {} : { externalReferences: [{ type: 'website', url: homepage }] }),
    properties: [
      { name: 'gabarit:architecture', value: architecture },
      { name: 'gabarit:source', value: source.name },
      { name: 'gabarit:source-version', value: source.version },
      ...(copyright === undefined ? [] : [{ name: 'gabarit:copyright-sha256', value: copyright }]),
    ],
  };
}

function licenceOf(name: string): object {
  const id = spdxOf(name);
  return { license: { ...(id === undefined ? { name } : { id }), acknowledgement: 'declared' } };
}

/** As the purl specification wants it: only `A-Z a-z 0-9 . - _ ~` stay as they are, and the colon. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
