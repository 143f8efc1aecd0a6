import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import { killGroup, start } from '../util/exec.ts';
import { openQmp } from './qmp.ts';

/** A real QEMU without a processor that runs, its monitor on descriptor 3. */
function startMonitor(): ReturnType<typeof start> {
  const argv = [
    'qemu-system-x86_64',
    '-S',
    '-nodefaults',
    '-display',
    'none',
    '-chardev',
    'socket,id=m,fd=3',
    '-mon',
    'chardev=m,mode=control',
  ];
  return start(argv, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
}

describe.skipIf(needs('qemu-system-x86_64'))('against a real QEMU', () => {
  test('commands are answered in their order, refusals carry their reason, events arrive', async () => {
    const child = startMonitor();
    try {
      const qmp = await openQmp(child.stdio[3] as Duplex);
      const events: string[] = [];
      qmp.onEvent((name) => events.push(name));
      const [status, version] = await Promise.all([qmp.execute('query-status'), qmp.execute('query-version')]);
      expect(status).toMatchObject({ running: false });
      expect(version).toMatchObject({ qemu: { major: expect.any(Number) } });
      await expect(qmp.execute('no-such-command')).rejects.toMatchObject({
        code: 'COMMAND_FAILED',
        message: expect.stringContaining('no-such-command'),
      });
      await qmp.execute('system_reset');
      await sleep(200);
      expect(events).toContain('RESET');
    } finally {
      await killGroup(child);
    }
  });

  test('a QEMU that ends refuses what is under way and what comes later', async () => {
    const child = startMonitor();
    try {
      const qmp = await openQmp(child.stdio[3] as Duplex);
      await killGroup(child);
      await expect(qmp.execute('query-status')).rejects.toMatchObject({ code: 'COMMAND_FAILED', message: 'QEMU has ended' });
    } finally {
      await killGroup(child);
    }
  });
});

test('a stream that is no monitor is refused', async () => {
  const { PassThrough } = await import('node:stream');
  const stream = new PassThrough();
  const opening = openQmp(stream);
  stream.write('SSH-2.0-OpenSSH\n');
  await expect(opening).rejects.toMatchObject({ code: 'COMMAND_FAILED', message: expect.stringContaining('not JSON') });
});
