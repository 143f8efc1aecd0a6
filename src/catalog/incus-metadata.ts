import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { stringify } from 'yaml';
import type { PublishedImage } from '../model/catalog.ts';
import type { Manifest } from '../model/manifest.ts';
import { digestOf } from '../util/digest.ts';
import { xzStored } from './xz-stored.ts';

/** Architectures as the kernel calls them. */
const kernelNames: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };

const incusFile = 'incus.tar.xz';

/** The metadata archive that Incus (and LXD) wants beside a qcow2: one metadata.yaml, a pure function of the manifest. */
async function incusArchive(manifest: Manifest): Promise<Buffer> {
  const { template, version, os, arch, description, sourceDateEpoch } = manifest;
  const metadata = {
    architecture: kernelNames[arch] ?? arch,
    creation_date: sourceDateEpoch,
    properties: {
      architecture: arch,
      description: `${os.pretty} (${template} ${version})${description === '' ? '' : `: ${description}`}`,
      name: `${template}-${version}`,
      os: os.distro,
      release: os.codename,
      serial: version,
      variant: template,
    },
    templates: {},
  };
  const archive = pack();
  archive.entry({ name: 'metadata.yaml', mode: 0o644, mtime: new Date(sourceDateEpoch * 1000) }, stringify(metadata));
  archive.finalize();
  return xzStored(await buffer(archive));
}

/** That archive, and how the index describes it; undefined for an image without a qcow2, which Incus cannot use. */
export async function incusMetadata(
  manifest: Manifest,
  folder: string,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Buffer; object: NonNullable<PublishedImage['incus']> } | undefined> {
  const disk = manifest.artifacts.find(({ format }) => format === 'qcow2');
  if (!disk) return undefined;
  const bytes = await incusArchive(manifest);
  // The fingerprint of an image of two files is the digest of both, one after the other.
  const hash = createHash('sha256').update(bytes);
  await pipeline(createReadStream(join(folder, disk.name), { highWaterMark: 1 << 20 }), hash, { signal });
  const combined = `sha256:${hash.digest('hex')}`;
  return { bytes, object: { key: prefix + incusFile, size: bytes.length, digest: digestOf(bytes), combined } };
}
