import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { exec, start } from '../../src/util/exec.ts';
import { needs } from '../tools.ts';

/** The real command line in a real process, with a fake application behind it, on a pseudo-terminal and under signals. */
const cli = [process.execPath, join(import.meta.dirname, '../fakes/cli.ts')];

describe.skipIf(needs('script'))('on a terminal', () => {
  async function onTerminal(command: string, env: Record<string, string> = {}, size = 'cols 90 rows 24'): Promise<string> {
    const { stdout } = await exec(
      ['script', '--quiet', '--return', '--command', `stty ${size}; ${cli.join(' ')} ${command}`, '/dev/null'],
      {
        env: { TERM: 'xterm-256color', ...env },
      },
    );
    return stdout;
  }

  it('draws one moving line for each build in its place, in colour, and leaves only what stays', async () => {
    const text = await onTerminal('build debian-12 debian-13 -j 2');
    expect(text).toContain('\u001B[36m');
    expect(text).toMatch(/debian-12 {2}.*Making the base system {3}33% {2}100\.0 MiB of 300\.0 MiB/);
    // Drawn again over itself: the cursor goes up two lines, and is shown again at the end.
    expect(text).toContain('\u001B[1A');
    expect(text.lastIndexOf('\u001B[?25h')).toBeGreaterThan(text.lastIndexOf('\u001B[?25l'));
    const end = stripVTControlCharacters(text.slice(text.lastIndexOf('TEMPLATE')));
    expect(end).toMatch(/^TEMPLATE +OUTCOME[^]*debian-13 +done[^]*Next:/);
  });

  it('lists the finished steps of a single build', async () => {
    const text = stripVTControlCharacters(await onTerminal('build debian-12'));
    expect(text).toMatch(/✓ Planning: 412 packages +0\.5 s/);
    expect(text).toMatch(/✓ Writing qcow2 +reused/);
  });

  it('is plain without colour when asked to, and in CI', async () => {
    const green = '\u001B[32m';
    expect(await onTerminal('build debian-12')).toContain(green);
    expect(await onTerminal('build debian-12 --no-color')).not.toContain(green);
    expect(await onTerminal('build debian-12', { NO_COLOR: '1' })).not.toContain(green);
    expect(await onTerminal('build debian-12', { NO_COLOR: '1' }, 'cols 0 rows 0')).not.toContain('\u001B');
    expect(await onTerminal('build debian-12', { CI: 'true', NO_COLOR: '1' })).not.toContain('\u001B');
  });
});

describe('signals', () => {
  /** Starts a build of some seconds, sends the signals once it runs, and tells how it ended. */
  async function interrupted(signals: NodeJS.Signals[], template = 'debian-12'): Promise<{ code: number | null; text: string }> {
    const child = start([...cli, 'build', template], { env: { NO_COLOR: '1' } });
    let text = '';
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
    const sent = [...signals];
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      // The second only when the first was taken: two that come together may count as one.
      const isReady = text.includes('Planning ...') && (sent.length === signals.length || text.includes('Cancelling'));
      const next = isReady ? sent.shift() : undefined;
      if (next) child.kill(next);
    });
    return { code: await ended, text };
  }

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'the first %s cancels, says what is kept, and ends with 130',
    async (signal) => {
      const { code, text } = await interrupted([signal]);
      expect(code).toBe(130);
      expect(text).toContain('Cancelling; finished steps are kept. Once more to leave at once.');
      expect(text).toContain('cancelled: Cancelled: debian-12');
    },
  );

  it('the second leaves at once, though the build does not listen', async () => {
    const { code, text } = await interrupted(['SIGINT', 'SIGINT'], 'deaf');
    expect(code).toBe(130);
    expect(text).toContain('Cancelling');
    expect(text).not.toContain('cancelled:');
  });

  it('a reader that leaves early is no failure', async () => {
    const { stdout, stderr } = await exec([
      'sh',
      '-c',
      `${cli.join(' ')} templates | head -1; ${cli.join(' ')} build debian-12 --json | head -1`,
    ]);
    expect(stdout.split('\n').map((line) => line.slice(0, 8))).toEqual(['TEMPLATE', '{"seq":1', '']);
    expect(stderr).toBe('');
  });
});
