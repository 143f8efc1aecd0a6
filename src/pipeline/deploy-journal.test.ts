import { appendFile, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killGroup, start } from '../util/exec.ts';
import { Scope } from '../util/scope.ts';
import { findRuns, openJournal } from './deploy-journal.ts';

let stateDir = '';
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'gabarit-journal-'));
});
afterEach(() => rm(stateDir, { recursive: true }));

const filesOf = async (target: string): Promise<string[]> =>
  (await readdir(join(stateDir, 'deployments', target))).filter((name) => name !== '.lock').toSorted();

/** A run in a process of its own, which is killed after it wrote down one entry. */
async function killedRun(target: string): Promise<string> {
  const script = `
    import { openJournal } from ${JSON.stringify(join(import.meta.dirname, 'deploy-journal.ts'))};
    import { Scope } from ${JSON.stringify(join(import.meta.dirname, '../util/scope.ts'))};
    const journal = await openJournal(${JSON.stringify(stateDir)}, ${JSON.stringify(target)}, new Scope());
    await journal.record({ kind: 'vm', name: 'x' });
    console.log(journal.run);
    setInterval(() => undefined, 1000);`;
  const child = start([
    process.execPath,
    '--input-type=module-typescript',
    '--disable-warning=ExperimentalWarning',
    '-e',
    script,
  ]);
  let run = '';
  for await (const chunk of child.stdout ?? []) {
    run += String(chunk);
    if (run.endsWith('\n')) break;
  }
  child.kill('SIGKILL');
  await killGroup(child, 0);
  return run.trim();
}

describe('a run', () => {
  it('is written down for its owner alone, entry by entry, and is forgotten at its end', async () => {
    const scope = new Scope();
    const journal = await openJournal(stateDir, 'lab', scope);
    await journal.record({ kind: 'session', name: 'OpaqueRef:1' });
    await journal.record({ kind: 'vm', name: 'debian-12 (20261123.1, importing)' });
    const path = join(stateDir, 'deployments/lab', `${journal.run}.jsonl`);
    expect((await readFile(path, 'utf8')).split('\n').filter(Boolean)).toHaveLength(2);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(stateDir, 'deployments/lab'))).mode & 0o777).toBe(0o700);
    await scope.close();
    expect(await filesOf('lab')).toEqual([]);
  });

  it('that could not tidy up stays, and is dead', async () => {
    const scope = new Scope();
    const journal = await openJournal(stateDir, 'lab', scope);
    await journal.record({ kind: 'vm', name: 'x' });
    journal.keep();
    await scope.close();
    await using runs = await findRuns(stateDir, 'lab');
    expect([...runs.dead]).toEqual([[journal.run, [{ kind: 'vm', name: 'x' }]]]);
  });
});

describe('the runs of a target', () => {
  it('are alive while their process is, and dead when it was killed; each target has its own', async () => {
    await using scope = new Scope();
    const journal = await openJournal(stateDir, 'lab', scope);
    const killed = await killedRun('lab');
    await killedRun('other');
    await appendFile(join(stateDir, 'deployments/lab', `${killed}.jsonl`), '{"kind":"vm","na');
    await using runs = await findRuns(stateDir, 'lab');
    expect([...runs.alive]).toEqual([journal.run]);
    expect([...runs.dead]).toEqual([[killed, [{ kind: 'vm', name: 'x' }]]]);
    // Another janitor leaves to this one what it is at.
    await using others = await findRuns(stateDir, 'lab');
    expect(others.dead.size).toBe(0);
    await runs.forgetDead();
    expect(await filesOf('lab')).toEqual([`${journal.run}.jsonl`, `${journal.run}.jsonl.lock`]);
  });

  it('are none where nobody has ever been', async () => {
    await using runs = await findRuns(stateDir, 'new');
    expect([runs.dead.size, runs.alive.size]).toEqual([0, 0]);
  });
});
