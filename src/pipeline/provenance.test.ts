import { expect, test } from 'vitest';
import type { Plan } from '../model/plan.ts';
import { provenanceOf } from './provenance.ts';

const hex = (digit: string): string => digit.repeat(64);

test('names every artifact, definition, step, release file and package with its digest', () => {
  const plan = {
    id: `sha256:${hex('0')}`,
    template: { name: 'web', engine: { name: 'bootstrap' } },
    arch: 'amd64',
    engineRevision: '7',
    definitions: [{ template: 'web', digest: `sha256:${hex('1')}` }],
    provisioning: [{ kind: 'script', name: 'site.sh', digest: `sha256:${hex('2')}` }],
    lock: {
      repositories: [{ uri: 'https://mirror.example/debian', suite: 'bookworm', inReleaseSha256: hex('3') }],
      packages: [
        { name: 'bash', version: '5.2.15-2+b7', architecture: 'amd64', sha256: hex('4'), role: 'image' },
        { name: 'grub-efi-amd64-bin', version: '1:2', architecture: 'amd64', sha256: hex('5'), role: 'tools' },
      ],
    },
  } as unknown as Plan;
  const artifacts = [{ name: 'disk.qcow2', digest: `sha256:${hex('6')}` }];
  expect(provenanceOf({ plan, version: '20261123.1', artifacts, gabarit: '0.1.0', finished: new Date(0) })).toEqual({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'disk.qcow2', digest: { sha256: hex('6') } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:gabarit:build:1',
        externalParameters: { template: 'web', version: '20261123.1', arch: 'amd64', plan: `sha256:${hex('0')}` },
        internalParameters: { engine: 'bootstrap', engineRevision: '7' },
        resolvedDependencies: [
          { name: 'definition web', digest: { sha256: hex('1') } },
          { name: 'script site.sh', digest: { sha256: hex('2') } },
          { uri: 'https://mirror.example/debian/dists/bookworm/InRelease', digest: { sha256: hex('3') } },
          { uri: 'pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64', digest: { sha256: hex('4') } },
          {
            uri: 'pkg:deb/debian/grub-efi-amd64-bin@1%3A2?arch=amd64',
            digest: { sha256: hex('5') },
            annotations: { role: 'tools' },
          },
        ],
      },
      runDetails: {
        builder: { id: 'urn:gabarit:builder:local', version: { gabarit: '0.1.0', node: process.version } },
        metadata: { finishedOn: '1970-01-01T00:00:00.000Z' },
      },
    },
  });
});
