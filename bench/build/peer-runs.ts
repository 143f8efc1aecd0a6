import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lock } from '../../src/model/lock.ts';
import { exec } from '../../src/util/exec.ts';
import { diskimageBuilder } from '../peers/diskimage-builder.ts';
import { mkosi } from '../peers/mkosi.ts';
import { mmdebstrap } from '../peers/mmdebstrap.ts';
import type { Peer } from '../peers/peer.ts';
import { vmdb2 } from '../peers/vmdb2.ts';
import { packageVersion } from './machine.ts';
import type { Piece } from './pieces.ts';
import type { Results } from './results.ts';

export const peers = [mmdebstrap, vmdb2, mkosi, diskimageBuilder];

/** Twice what the slowest takes on a quiet machine of two cores. */
const timeoutMs = 5 * 60_000;

/** A peer's run; skipped by name when it is not installed. */
export function peerPiece(
  peer: Peer,
  runs: number,
  job: { lock: Lock; codename: string; scratch: string },
  results: Results,
): Piece {
  return {
    group: peer.name,
    name: peer.name,
    runs,
    async run(_round, signal) {
      if ((await packageVersion(peer.package)) === undefined) {
        results.skip(peer.name, `not installed (apt-get install ${peer.package})`);
        return;
      }
      const folder = join(job.scratch, peer.name);
      await mkdir(folder);
      try {
        const { argv, env } = await peer.prepare({ lock: job.lock, codename: job.codename, folder });
        const started = performance.now();
        // In a mount and process namespace of its own: nothing that it mounts or starts outlives it, or is removed with the folder.
        const alone = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
        await exec([...alone, ...argv], { cwd: folder, env: env ?? {}, signal, timeoutMs, stdout: 'lines', what: peer.name });
        results.add(peer.name, { seconds: (performance.now() - started) / 1000 });
      } finally {
        await detachLoops(folder);
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Loop devices over files of the folder, which a run that failed has left. */
async function detachLoops(folder: string): Promise<void> {
  const { stdout } = await exec(['losetup', '--list', '--noheadings', '--raw', '--output', 'NAME,BACK-FILE']);
  for (const line of stdout.split('\n')) {
    const [device, file] = line.split(' ');
    if (device !== undefined && file?.startsWith(`${folder}/`)) {
      await exec(['losetup', '--detach', device]);
      // The name that the stand-in for kpartx gave it.
      await rm(device.replace('/dev/', '/dev/mapper/').concat('p1'), { force: true });
    }
  }
}

/** Name and version of every peer that is installed, and what it yields. */
export async function describePeers(): Promise<Map<string, string>> {
  const described = new Map<string, string>();
  for (const peer of peers) {
    const version = await packageVersion(peer.package);
    described.set(peer.name, `${peer.name}${version === undefined ? '' : ` ${version}`}: ${peer.yields}`);
  }
  return described;
}
