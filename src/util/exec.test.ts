import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from './errors.ts';
import { exec, killGroup, start } from './exec.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exec-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function sh(script: string): string[] {
  return ['sh', '-c', script];
}

async function failure(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw new Error(`expected an AppError, got ${String(error)}`);
  return error;
}

/** Whether a process runs; one that is dead but not yet waited for does not. */
async function runs(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '(gone) Z');
  return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}

async function pidIn(path: string): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text.endsWith('\n')) return Number(text);
    await sleep(20);
  }
  throw new Error(`no process id in ${path}`);
}

describe('the output of a command', () => {
  test('is returned as it was printed, both streams apart', async () => {
    const result = await exec(sh('echo one; echo two >&2; printf three'));
    expect(result).toMatchObject({ stdout: 'one\nthree', stderr: 'two\n', exitCode: 0 });
  });

  test('stays whole without a single line end in megabytes of it', async () => {
    const { stdout } = await exec(sh(`head -c 3000000 /dev/zero | tr '\\0' x`));
    expect(stdout.length).toBe(3_000_000);
    expect(stdout).not.toContain('\n');
  });

  test('keeps letters of several bytes that come in pieces', async () => {
    const lines: string[] = [];
    await exec(sh(`printf '\\303'; sleep 0.1; printf '\\251\\n'`), { onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['é']);
  });

  test('comes line by line while it runs, the last one too when it has no end', async () => {
    const lines: string[] = [];
    const { stdout } = await exec(sh('echo a; echo; printf b; echo c >&2'), {
      onLine: (line, stream) => lines.push(`${stream}:${line}`),
      stdout: 'lines',
    });
    expect(lines.filter((line) => line.startsWith('stdout'))).toEqual(['stdout:a', 'stdout:', 'stdout:b']);
    expect(lines).toContain('stderr:c');
    expect(stdout).toBe('');
  });
});

describe('a command', () => {
  test('gets its arguments as they are, without a shell', async () => {
    const odd = `a b;$(touch ${folder}/never)"'*`;
    expect((await exec(['printf', '%s', odd])).stdout).toBe(odd);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  test('gets a small environment, and nothing that we were given', async () => {
    process.env['GABARIT_TEST_SECRET'] = 'hunter2';
    try {
      const names = (await exec(['env'], { env: { EXTRA: '1' } })).stdout.split('\n').map((line) => line.split('=')[0]);
      expect(names).toContain('EXTRA');
      expect(names).toContain('PATH');
      expect(names).not.toContain('GABARIT_TEST_SECRET');
      expect(names).not.toContain('NODE_ENV');
    } finally {
      delete process.env['GABARIT_TEST_SECRET'];
    }
  });

  test('gets its input from a text or bytes', async () => {
    expect((await exec(['cat'], { input: 'text' })).stdout).toBe('text');
    expect((await exec(['cat'], { input: Buffer.from('ab') })).stdout).toBe('ab');
  });

  test('that leaves somebody behind ends when it ends, and its last words are heard', async () => {
    const started = performance.now();
    const { stdout, exitCode } = await exec(['sh', '-c', 'sleep 30 & echo $!; exit 3'], { leavesOthers: true, okExitCodes: [3] });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(exitCode).toBe(3);
    // It is there, and goes on; this ends it.
    expect(process.kill(Number(stdout.trim()), 'SIGTERM')).toBe(true);
  });

  test('that does not read its input is judged by its exit code', async () => {
    expect((await exec(['true'], { input: 'x'.repeat(1 << 20) })).exitCode).toBe(0);
  });

  test('has nothing to read when it is given no input', async () => {
    expect((await exec(['cat'])).stdout).toBe('');
  });

  test('runs where it was told to', async () => {
    expect((await exec(['pwd'], { cwd: folder })).stdout).toBe(`${folder}\n`);
  });
});

describe('a command that fails', () => {
  test('is an error with its exit code, its last line, and the last 30', async () => {
    const error = await failure(exec(sh('seq 100; echo it broke >&2; exit 3'), { what: 'the work', errorCode: 'BUILD_FAILED' }));
    expect(error.code).toBe('BUILD_FAILED');
    expect(error.message).toMatch(/^the work failed \(exit code 3\): /);
    expect(error.details).toMatchObject({ exitCode: 3 });
    expect(error.details['lastLines']).toHaveLength(30);
    expect(error.details['lastLines']).toContain('it broke');
  });

  test('is none when its exit code is expected', async () => {
    expect((await exec(sh('exit 4'), { okExitCodes: [0, 4] })).exitCode).toBe(4);
  });

  test('by a signal has 128 and its number', async () => {
    expect((await failure(exec(sh('kill -KILL $$')))).details).toMatchObject({ exitCode: 137 });
  });

  test('for want of space says so, and what to do', async () => {
    const error = await failure(exec(sh('echo "tar: x: Cannot write: No space left on device" >&2; exit 2')));
    expect(error.code).toBe('DISK_FULL');
    expect(error.hint).toContain('GABARIT_CACHE');
  });

  test('because it is not installed names its package', async () => {
    const error = await failure(exec(['/nowhere/qemu-img', 'info']));
    expect(error).toMatchObject({ code: 'TOOL_MISSING', message: 'qemu-img is not installed' });
    expect(error.hint).toBe('Install it: apt-get install qemu-utils');
    expect((await failure(exec(['gabarit-has-no-such-tool']))).hint).toContain('gabarit doctor');
  });

  test('because its folder is gone does not blame the command', async () => {
    await expect(exec(['true'], { cwd: join(folder, 'gone') })).rejects.toThrow(/gone/);
  });
});

describe('a command that takes too long', () => {
  test('is ended, and its last lines are kept', async () => {
    const error = await failure(exec(sh('echo begun; sleep 30'), { timeoutMs: 200, what: 'waiting' }));
    expect(error).toMatchObject({ code: 'TIMEOUT', message: 'waiting did not finish within 0.2 s' });
    expect(error.details['lastLines']).toEqual(['begun']);
  });

  test('is cancelled with all that it started', async () => {
    const abort = new AbortController();
    const running = failure(exec(sh(`sleep 30 & echo $! > ${folder}/pid; wait`), { signal: abort.signal }));
    const pid = await pidIn(join(folder, 'pid'));
    abort.abort();
    expect((await running).code).toBe('CANCELLED');
    expect(await runs(pid)).toBe(false);
  });

  test('is cancelled with what it started, even when that will not hear of it', async () => {
    const abort = new AbortController();
    const script = `(trap '' TERM; echo $$ > ${folder}/leader; sh -c 'echo $$ > ${folder}/pid; exec sleep 30') & wait`;
    const running = failure(exec(sh(script), { signal: abort.signal, killDelayMs: 300 }));
    const pid = await pidIn(join(folder, 'pid'));
    abort.abort();
    expect((await running).code).toBe('CANCELLED');
    expect(await runs(pid)).toBe(false);
  });

  test('is not even started after the cancellation', async () => {
    await expect(exec(['touch', join(folder, 'never')], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});

describe('killGroup', () => {
  test('lets a process clean up, and returns when it is gone', async () => {
    const child = start(sh(`trap 'echo cleaned > ${folder}/said; exit 0' TERM; echo ready; while :; do sleep 0.05; done`));
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await killGroup(child);
    expect(await readFile(join(folder, 'said'), 'utf8')).toBe('cleaned\n');
    await killGroup(child);
  });

  test('uses force when it does not go', async () => {
    const child = start(sh(`trap '' TERM; echo ready; while :; do sleep 0.05; done`));
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await killGroup(child, 200);
    expect(child.signalCode).toBe('SIGKILL');
  });
});
