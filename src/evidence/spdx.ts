import type { Component, ComponentList } from '../model/component-list.ts';

/**
 * A list of components in SPDX 2.3: the same packages with the same digests. Licences are those that copyright files mention, which is no
 * expression that one could declare: they stand in comments. Pure: the same list gives the same bytes.
 */
export function spdxDocument({ serialNumber, metadata, components }: ComponentList): object {
  const { component: image, timestamp, tools } = metadata;
  const packages = components.map((component, at) =>
    packageOf(component, `SPDXRef-${component.type === 'library' ? 'package' : 'system'}-${at}`),
  );
  const root = packageOf(image, 'SPDXRef-image');
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${image.name}-${image.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/${image.name}-${image.version}-${serialNumber.replace('urn:uuid:', '')}`,
    creationInfo: {
      // SPDX knows no fractions of a second.
      created: timestamp.replace(/\.\d+Z$/, 'Z'),
      creators: tools.components.map(({ name, version }) => `Tool: ${name}-${version}`),
    },
    packages: [root, ...packages],
    relationships: [
      relationship('SPDXRef-DOCUMENT', 'DESCRIBES', root.SPDXID),
      ...packages.map(({ SPDXID }) => relationship(root.SPDXID, 'CONTAINS', SPDXID)),
    ],
  };
}

function relationship(from: string, relationshipType: string, to: string): object {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
}

interface SpdxPackage {
  SPDXID: string;
  [key: string]: unknown;
}

function packageOf(component: Component, id: string): SpdxPackage {
  const { type, name, version, description, purl, hashes, externalReferences } = component;
  const property = (wanted: string): string | undefined => component.properties.find((item) => item.name === wanted)?.value;
  const source = property('gabarit:source');
  const artifacts = component.properties.filter((item) => item.name.startsWith('gabarit:artifact:'));
  const licences = component.licenses.map(({ license }) => license.id ?? license.name ?? '').filter(Boolean);
  const homepage = externalReferences.find((reference) => reference.type === 'website')?.url;
  const sha256 = hashes.filter(({ alg }) => alg === 'SHA-256');
  return {
    SPDXID: id,
    name,
    versionInfo: version,
    ...(description === undefined ? {} : { summary: description }),
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    primaryPackagePurpose: type === 'operating-system' ? 'OPERATING_SYSTEM' : 'LIBRARY',
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    ...(licences.length === 0 ? {} : { licenseComments: `Its copyright file mentions: ${licences.join(', ')}` }),
    ...(homepage === undefined ? {} : { homepage }),
    ...(source === undefined ? {} : { sourceInfo: `built from: ${source} ${property('gabarit:source-version') ?? ''}`.trim() }),
    ...(artifacts.length === 0 ? {} : { comment: artifacts.map((item) => `${item.name.slice(17)} ${item.value}`).join('\n') }),
    ...(sha256.length === 0 ? {} : { checksums: sha256.map(({ content }) => ({ algorithm: 'SHA256', checksumValue: content })) }),
    ...(purl === undefined
      ? {}
      : {
          externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
        }),
  };
}
