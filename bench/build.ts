/**
 * Builds the same packages with Gabarit and with the tools that Debian ships, in one run, and compares:
 *   node bench/build.ts [--only gabarit,mmdebstrap] [--runs 2] [--peer-runs 1] [--minutes 15] [--scratch DIR] [--markdown FILE]
 * Needs root (the other tools do) and about 8 GiB in the scratch folder. See docs/benchmarks.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { lockSchema } from '../src/model/lock.ts';
import { exec } from '../src/util/exec.ts';
import { Scope } from '../src/util/scope.ts';
import { openFolders } from './build/folders.ts';
import { gabaritPlan } from './build/gabarit.ts';
import { describeMachine } from './build/machine.ts';
import { describePeers, peerPiece } from './build/peer-runs.ts';
import { gabaritPieces, type Piece } from './build/pieces.ts';
import { renderReport } from './build/report.ts';
import { Results } from './build/results.ts';
import { diskimageBuilder } from './peers/diskimage-builder.ts';
import { mkosi } from './peers/mkosi.ts';
import { mmdebstrap } from './peers/mmdebstrap.ts';
import { vmdb2 } from './peers/vmdb2.ts';
import { writeSection } from './markdown.ts';

const template = 'debian-12';
const codename = 'bookworm';

const groups = ['gabarit', 'minimal', 'pair', 'mmdebstrap', 'vmdb2', 'mkosi', 'diskimage-builder'];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: groups.join(',') },
    runs: { type: 'string', default: '1' },
    'peer-runs': { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    scratch: { type: 'string', default: tmpdir() },
    markdown: { type: 'string' },
  },
});

const command = `node bench/build.ts ${process.argv.slice(2).join(' ')}`.trim();
const only = new Set(values.only.split(','));
for (const name of only) if (!groups.includes(name)) throw new Error(`--only knows ${groups.join(', ')}, not "${name}"`);
const [runs, peerRuns, minutes] = [values.runs, values['peer-runs'], values.minutes].map((text) =>
  z.coerce.number().positive().parse(text),
) as [number, number, number];
const begun = performance.now();

await using scope = new Scope();
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
if (process.getuid?.() !== 0)
  throw new Error('run it as root: mmdebstrap, vmdb2, mkosi and diskimage-builder are measured as root');

const scratch = await mkdtemp(join(values.scratch, 'gabarit-bench-'));
scope.defer(() => rm(scratch, { recursive: true, force: true }));
const machine = await describeMachine(scratch);
if (!machine.quiet)
  console.log(`WARNING: the load is ${machine.load.toFixed(1)}: somebody else is busy, so the result is not clean`);

const planned = await gabaritPlan(template, await openFolders(scratch, 'plan'), stop.signal);
const { lock } = z.looseObject({ lock: lockSchema }).parse(planned);
const results = new Results((line) => console.log(`${clock()} ${line}`));
const peer = (candidate: typeof mkosi, count: number): Piece => peerPiece(candidate, count, { lock, codename, scratch }, results);
const pieces: Piece[] = [
  ...gabaritPieces({ template, scratch, runs, results }, peer(mmdebstrap, runs)),
  ...[vmdb2, mkosi, diskimageBuilder].map((candidate) => peer(candidate, peerRuns)),
].filter(({ group }) => only.has(group));

const deadline = begun + minutes * 60_000;
const rounds = Array.from({ length: Math.max(runs, peerRuns) }, (_, round) => round);
const turns = rounds.flatMap((round) => pieces.filter((piece) => round < piece.runs).map((piece) => ({ piece, round })));
for (const { piece, round } of turns) {
  if (stop.signal.aborted || performance.now() > deadline) {
    results.skip(piece.name, stop.signal.aborted ? 'stopped before' : `no time left of ${minutes} minutes`);
    continue;
  }
  // What the one before has not written yet must not slow this one down.
  await exec(['sync']);
  try {
    await piece.run(round, stop.signal);
  } catch (error) {
    results.fail(piece.name, error);
  }
}

const report = renderReport({ command, machine, packages: lock.packages, peers: await describePeers(), results });
console.log(`\n${report}`);
// What was stopped is not worth keeping.
if (values.markdown !== undefined && !stop.signal.aborted) await writeSection(values.markdown, 'build', report);
if (results.failures > 0) process.exitCode = 1;

/** Minutes and seconds since the beginning. */
function clock(): string {
  const seconds = Math.floor((performance.now() - begun) / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}`;
}
