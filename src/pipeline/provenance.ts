import type { LockedPackage, LockedRepository } from '../model/lock.ts';
import type { Medium } from '../model/medium.ts';
import type { Plan } from '../model/plan.ts';

/** What went into a disk, in the words of in-toto (Statement v1) and SLSA (provenance v1). Pure. */

export interface ProvenanceFacts {
  plan: Plan;
  version: string;
  artifacts: readonly { name: string; digest: string }[];
  /** Of Gabarit. */
  gabarit: string;
  finished: Date;
}

export function provenanceOf({ plan, version, artifacts, gabarit, finished }: ProvenanceFacts): object {
  const { template, lock, medium } = plan;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: artifacts.map(({ name, digest }) => ({ name, digest: { sha256: hexOf(digest) } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:gabarit:build:1',
        externalParameters: { template: template.name, version, arch: plan.arch, plan: plan.id },
        internalParameters: { engine: template.engine.name, engineRevision: plan.engineRevision },
        resolvedDependencies: [
          ...plan.definitions.map(({ template: name, digest }) => ({
            name: `definition ${name}`,
            digest: { sha256: hexOf(digest) },
          })),
          ...plan.provisioning.map(({ kind, name, digest }) => ({ name: `${kind} ${name}`, digest: { sha256: hexOf(digest) } })),
          ...(medium ? [mediumOf(medium)] : []),
          ...lock.repositories.map(releaseFile),
          ...lock.packages.map((item) => packageOf(item)),
        ],
      },
      runDetails: {
        builder: { id: 'urn:gabarit:builder:local', version: { gabarit, node: process.version } },
        metadata: { finishedOn: finished.toISOString() },
      },
    },
  };
}

function mediumOf({ url, digest }: Medium): object {
  const [algorithm = '', hex] = digest.split(':');
  return { uri: url, digest: { [algorithm]: hex } };
}

function releaseFile({ uri, suite, inReleaseSha256 }: LockedRepository): object {
  return { uri: `${uri}/dists/${suite}/InRelease`, digest: { sha256: inReleaseSha256 } };
}

function packageOf({ name, version, architecture, sha256, role }: LockedPackage): object {
  return {
    uri: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`,
    digest: { sha256 },
    ...(role === 'image' ? {} : { annotations: { role } }),
  };
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
