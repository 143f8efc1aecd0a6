import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasTool, needs } from '../../test/tools.ts';
import type { Firmware } from '../model/machine.ts';
import type { Plan } from '../model/plan.ts';
import type { StepContext } from '../model/step.ts';
import { templateSchema } from '../model/template.ts';
import { digestOfFile } from '../util/digest.ts';
import { start } from '../util/exec.ts';
import { Scope } from '../util/scope.ts';
import { availableFirmwares } from './firmware.ts';
import { startQemu } from './qemu-process.ts';
import { startMachine } from './start-machine.ts';
import { whileWatching } from './watch-boot.ts';

/** Real machines that do next to nothing: they take seconds, emulated too. */

const plan = { template: templateSchema.parse({ name: 'tiny', distro: 'debian', release: '12' }) } as Plan;
const limits = { bootMs: 60_000, silenceMs: 3000 };

let folder: string;
let ctx: StepContext & { abort: AbortController };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'machine-'));
  const abort = new AbortController();
  const workdir = join(folder, 'work');
  await mkdir(workdir);
  ctx = {
    workdir,
    cacheDir: folder,
    offline: true,
    force: false,
    signal: abort.signal,
    scope: new Scope(),
    emit: () => undefined,
    abort,
  };
});
afterEach(async () => {
  await ctx.scope.close();
  expect(await readdir(ctx.workdir)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

/** A disk of 64 MiB whose boot sector is this code; without code it is empty. */
async function disk(code?: string): Promise<string> {
  const path = join(folder, 'disk.raw');
  const sector = Buffer.alloc(512);
  if (code !== undefined) {
    Buffer.from(code.replaceAll(' ', ''), 'hex').copy(sector);
    sector.set([0x55, 0xaa], 510);
  }
  await writeFile(path, Buffer.concat([sector, Buffer.alloc((64 << 20) - 512)]));
  return path;
}

function request(path: string, firmware: Firmware = 'bios') {
  return {
    name: `tiny-${firmware}`,
    image: { path, format: 'raw' as const },
    firmware,
    plan,
    acceleration: { accelerator: 'tcg' as const, reason: 'for the test' },
    seeded: false,
    diskSize: 128 << 20,
    memoryMiB: 256,
    cpus: 1,
    failureDir: join(folder, 'failures'),
  };
}

/** Lets a machine run that never comes up, and returns why it was given up. */
async function causeOf(path: string): Promise<string> {
  const qemu = await startQemu(request(path), undefined, ctx);
  const watched = {
    console: qemu.console,
    mark: 0,
    ended: () => qemu.ended(),
    diskActivity: () => Promise.resolve(0),
    resets: () => qemu.resets(),
  };
  const forever = (signal: AbortSignal): Promise<void> => sleep(120_000, undefined, { signal });
  return whileWatching(watched, limits, ctx.signal, forever).then(
    () => 'it came up',
    (error: unknown) => (error instanceof Error ? error.message : 'something else'),
  );
}

describe.skipIf(needs('qemu-system-x86_64', 'qemu-img', 'setpriv', 'ssh-keygen'))('machines', () => {
  const secure = availableFirmwares();
  test.each<[Firmware, RegExp]>([
    ['bios', /^the BIOS found nothing to start on the disk$/],
    ['uefi', /^the UEFI firmware found nothing to start on the disk$/],
  ])('an empty disk (%s): the cause is named, with console and screenshot', async (firmware, cause) => {
    if (!secure.includes(firmware)) return;
    const path = await disk();
    const before = await digestOfFile(path);
    const machine = await startMachine(request(path, firmware), ctx);
    const error = await machine.loginPrompt().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const files = [
      join(folder, `failures/serial-tiny-${firmware}.log`),
      join(folder, `failures/screenshot-tiny-${firmware}.png`),
    ];
    expect(error).toMatchObject({ code: 'BOOT_FAILED', message: expect.stringMatching(cause), details: { files } });
    expect((await stat(files[0] ?? '')).size).toBeGreaterThan(50);
    expect((await readFile(files[1] ?? '')).subarray(1, 4).toString()).toBe('PNG');
    await machine.stop();
    expect(await digestOfFile(path)).toBe(before);
  });

  test('what a machine writes does not reach the image', async () => {
    // xor ax,ax; mov es,ax; mov ax,0x0301 (write one sector); mov cx,2; mov dx,0x80; mov bx,0x7c00; int 0x13; then hlt
    const path = await disk('31c0 8ec0 b80103 b90200 ba8000 bb007c cd13 f4 ebfd');
    const before = await digestOfFile(path);
    const qemu = await startQemu(request(path), undefined, ctx);
    const written = async (): Promise<number> =>
      ((await qemu.qmp.execute('query-blockstats')) as { stats: { wr_bytes: number } }[]).reduce(
        (sum, { stats }) => sum + stats.wr_bytes,
        0,
      );
    for (let tries = 0; tries < 100 && (await written()) === 0; tries += 1) await sleep(100);
    expect(await written()).toBe(512);
    await qemu.stop();
    expect(await digestOfFile(path)).toBe(before);
  });

  test('a machine that hangs is given up', async () => {
    expect(await causeOf(await disk('fa f4 ebfd'))).toMatch(
      /^nothing came from the machine for \d+ s; its console last said: Booting from Hard Disk/,
    );
  });

  test('a machine that restarts over and over is given up', async () => {
    // jmp 0xffff:0, the reset vector, does not count as a reset; the keyboard controller's command does: mov al,0xfe; out 0x64,al
    expect(await causeOf(await disk('b0fe e664 f4 ebfd'))).toMatch(/^the machine restarts over and over/);
  });

  test('a flood on the console fills neither memory nor disk', async () => {
    // mov dx,0x3f8; mov al,'x'; again: out dx,al; jmp again
    const qemu = await startQemu(request(await disk('baf803 b078 ee ebfd')), undefined, ctx);
    await sleep(4000);
    expect(qemu.console.length()).toBeGreaterThan(10_000);
    expect(qemu.console.text().length).toBeLessThanOrEqual(2 << 20);
    expect((await stat(qemu.serialFile)).size).toBeLessThanOrEqual((16 << 20) + (1 << 16));
    await qemu.stop();
  });

  test('cancelling ends the wait at once', async () => {
    const machine = await startMachine(request(await disk('fa f4 ebfd')), ctx);
    const waiting = machine.loginPrompt();
    setTimeout(() => ctx.abort.abort(), 500);
    const started = performance.now();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('an image that is not what its format says is refused', async () => {
    const path = await disk();
    const starting = startMachine({ ...request(path), image: { path, format: 'qcow2' } }, ctx);
    await expect(starting).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringMatching(/disk\.raw as qcow2 failed/),
    });
  });

  test('QEMU is gone when we are killed', async () => {
    const path = await disk('fa f4 ebfd');
    const script = join(folder, 'killed.ts');
    const here = import.meta.dirname;
    await writeFile(
      script,
      `import { startQemu } from '${here}/qemu-process.ts';
import { Scope } from '${here}/../util/scope.ts';
const request = ${JSON.stringify(request(path))};
const ctx = { workdir: '${ctx.workdir}', signal: new AbortController().signal, scope: new Scope(), emit: () => undefined };
await startQemu(request, undefined, ctx);
console.log('started');
setInterval(() => undefined, 1000);
`,
    );
    const child = start([process.execPath, script], { stdio: ['ignore', 'pipe', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve());
      child.stderr?.on('data', (text: Buffer) => /Error/.test(text.toString()) && reject(new Error(text.toString())));
    });
    const pid = Number(await readFile(join(ctx.workdir, 'machine-tiny-bios/pid'), 'utf8'));
    const isAlive = (): boolean => hasTool(`/proc/${pid}/fd`);
    expect(isAlive()).toBe(true);
    child.kill('SIGKILL');
    for (let tries = 0; tries < 50 && isAlive(); tries += 1) await sleep(100);
    expect(isAlive()).toBe(false);
    await rm(join(ctx.workdir, 'machine-tiny-bios'), { recursive: true });
  });
});

test('two machines share nothing that should be their own', async () => {
  const { qemuArguments } = await import('./qemu-arguments.ts');
  const words = (): string[] => qemuArguments(request('/image.raw'), '/a,b/disk.qcow2', undefined, []);
  const [one, two] = [words(), words()];
  for (const pattern of [/mac=(\S+?),/, /serial=(\S+)/]) {
    const found = [one, two].map((list) => list.map((word) => pattern.exec(word)?.[1]).find((value) => value !== undefined));
    expect(found[0]).toBeTruthy();
    expect(found[0]).not.toBe(found[1]);
  }
  expect(one.join(' ')).toContain('file=/a,,b/disk.qcow2');
  expect(one.join(' ')).toMatch(/hostfwd=tcp:127\.0\.0\.1:0-:22/);
});
