import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closeFolders, openFolders } from './folders.ts';
import { type Folders, gabaritBuild, type Measured } from './gabarit.ts';
import type { Results, Sample } from './results.ts';

/** A part of the benchmark that is run by itself, as often as `runs` says, in turn with the others. */
export interface Piece {
  /** What `--only` selects. */
  group: string;
  name: string;
  runs: number;
  run(round: number, signal: AbortSignal): Promise<void>;
}

export interface GabaritRuns {
  template: string;
  scratch: string;
  runs: number;
  results: Results;
}

/** Builds that take seconds are measured this often in each round. */
const shortRuns = 3;

/** Gabarit's own ways of building; `floor` is what they are compared with, and run between them. */
export function gabaritPieces({ template, scratch, runs, results }: GabaritRuns, floor: Piece): Piece[] {
  let cold: Folders | undefined;
  return [
    {
      group: 'gabarit',
      name: 'cold',
      runs,
      async run(round, signal) {
        cold = await openFolders(scratch, `cold-${round}`);
        results.add('cold', sampleOf(await gabaritBuild(template, cold, signal)));
      },
    },
    floor,
    {
      group: 'gabarit',
      name: 'warm',
      runs,
      async run(round, signal) {
        if (cold === undefined) throw new Error('there was no cold build before');
        const warm = await openFolders(scratch, `warm-${round}`);
        for (const part of ['packages', 'apt']) await rename(join(cold.cache, part), join(warm.cache, part));
        await closeFolders(cold);
        results.add('cached', sampleOf(await gabaritBuild(template, warm, signal)));
        for (let count = 0; count < shortRuns; count += 1)
          results.add('unchanged', sampleOf(await gabaritBuild(template, warm, signal)));
        await define(warm, ownName, template, 0);
        await gabaritBuild(ownName, warm, signal);
        for (let count = 1; count <= shortRuns; count += 1) {
          await define(warm, ownName, template, count);
          results.add('hot', sampleOf(await gabaritBuild(ownName, warm, signal)));
        }
        await closeFolders(warm);
      },
    },
    {
      group: 'minimal',
      name: 'minimal',
      runs,
      async run(round, signal) {
        const folders = await openFolders(scratch, `minimal-${round}`);
        results.add('minimal', sampleOf(await gabaritBuild(`${template}-minimal`, folders, signal)));
        await closeFolders(folders);
      },
    },
    {
      group: 'pair',
      name: 'pair',
      runs: 1,
      async run(_round, signal) {
        const both = await Promise.all(['left', 'right'].map((name) => openFolders(scratch, name)));
        results.add('pair', laterOf(await Promise.all(both.map((folders) => gabaritBuild(template, folders, signal)))));
        await Promise.all(both.map(closeFolders));
      },
    },
    {
      group: 'pair',
      name: 'siblings',
      runs: 1,
      async run(_round, signal) {
        const folders = await openFolders(scratch, 'siblings');
        const names = ['bench-left', 'bench-right'];
        for (const [count, name] of names.entries()) await define(folders, name, template, count);
        results.add('siblings', laterOf(await Promise.all(names.map((name) => gabaritBuild(name, folders, signal)))));
        await closeFolders(folders);
      },
    },
  ];
}

const ownName = 'bench-own';

/** What two builds at once took together. */
function laterOf(measured: Measured[]): Sample {
  return {
    seconds: Math.max(...measured.map(({ artifactSeconds }) => artifactSeconds)),
    totalSeconds: Math.max(...measured.map(({ totalSeconds }) => totalSeconds)),
  };
}

/** A definition with a script of its own, which differs by `count`. */
async function define(folders: Folders, name: string, template: string, count: number): Promise<void> {
  const folder = join(folders.work, 'templates');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.yaml`), `name: ${name}\nextends: ${template}\nprovisioning:\n  - script: ${name}.sh\n`);
  await writeFile(join(folder, `${name}.sh`), `#!/bin/sh\nset -eu\necho 'greeting ${count}' >/etc/motd\n`);
  await chmod(join(folder, `${name}.sh`), 0o755);
}

function sampleOf({ artifactSeconds, totalSeconds, size, steps, memory }: Measured): Sample {
  return { seconds: artifactSeconds, totalSeconds, size, steps, memory };
}
