import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { start } from './exec.ts';
import { lockFile } from './lock-file.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
  path = join(folder, 'below/the.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a lock on a file', () => {
  test('is held by one at a time, and free when it was released', async () => {
    const first = await lockFile(path);
    expect(await lockFile(path, { tryOnly: true })).toBeUndefined();
    await first?.release();
    const second = await lockFile(path, { tryOnly: true });
    expect(second).toBeDefined();
    await second?.release();
    await second?.release();
  });

  test('makes the next wait, once told, until it is free', async () => {
    const order: string[] = [];
    const first = await lockFile(path);
    const second = lockFile(path, { onWait: () => order.push('waits') }).then((lock) => {
      order.push('has it');
      return lock;
    });
    await sleep(150);
    order.push('released');
    await first?.release();
    await (await second)?.release();
    expect(order).toEqual(['waits', 'released', 'has it']);
  });

  test('is given to many in turn, never to two at once', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        await using _lock = await lockFile(path);
        most = Math.max(most, (inside += 1));
        await sleep(5);
        inside -= 1;
      }),
    );
    expect(most).toBe(1);
  });

  test('may be shared, and then nobody has it alone', async () => {
    const shared = [await lockFile(path, { shared: true }), await lockFile(path, { shared: true, tryOnly: true })];
    expect(shared[1]).toBeDefined();
    expect(await lockFile(path, { tryOnly: true })).toBeUndefined();
    for (const lock of shared) await lock?.release();
    const alone = await lockFile(path, { tryOnly: true });
    expect(await lockFile(path, { shared: true, tryOnly: true })).toBeUndefined();
    await alone?.release();
  });

  test('is not waited for after a cancellation', async () => {
    const first = await lockFile(path);
    const abort = new AbortController();
    const waiting = lockFile(path, { signal: abort.signal, onWait: () => setTimeout(() => abort.abort(), 50) });
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    await first?.release();
  });

  test('is free when its holder is killed', async () => {
    const module = join(import.meta.dirname, 'lock-file.ts');
    const script = `import { lockFile } from ${JSON.stringify(module)};
      await lockFile(${JSON.stringify(path)}); console.log('held'); setInterval(() => 0, 1000);`;
    const holder = start([process.execPath, '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => holder.stdout?.once('data', resolve));
    expect(await lockFile(path, { tryOnly: true })).toBeUndefined();
    holder.kill('SIGKILL');
    await (await lockFile(path))?.release();
  });

  test('can be released when the child that held it was killed', async () => {
    const lock = await lockFile(path);
    const child = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .map((line) => Number(line.split(/\s+/)[4]))
      .find((pid) => pid > 0 && commandOf(pid).includes(path));
    expect(child).toBeDefined();
    process.kill(-(child as number), 'SIGKILL');
    await sleep(100);
    await lock?.release();
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It has ended.
  }
}
