import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Definitions that differ by one file each, so that each is a build of its own on the same base. Returns their paths. */
export async function writeDefinitions(folder: string, count: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (let number = 1; number <= count; number += 1) {
    await writeFile(join(folder, `motd-${number}`), `This is image ${number} of ${count}.\n`);
    const path = join(folder, `small-${number}.yaml`);
    await writeFile(
      path,
      `name: small-${number}
extends: debian-12-minimal
description: A small image of the fault bench
formats: [qcow2]
provisioning:
  - file: motd-${number}
    to: /etc/motd
`,
    );
    paths.push(path);
  }
  return paths;
}
