import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { needs, needsRoot } from '../../../test/tools.ts';
import type { Plan, PlanProvision } from '../../model/plan.ts';
import { templateSchema } from '../../model/template.ts';
import { digestOf } from '../../util/digest.ts';
import type { AppError } from '../../util/errors.ts';
import type { EventBody } from '../../util/events.ts';
import { exec } from '../../util/exec.ts';
import { provisionOverSsh } from './provision-over-ssh.ts';

/** What runs commands as ssh would: a shell of root. The way over a real sshd is that of the slow tests of the engines. */

let folder: string;
const events: EventBody[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provision-'));
  events.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const connection: Parameters<typeof provisionOverSsh>[1] = {
  run: async (command, options = {}) => {
    const { stdout, stderr, exitCode } = await exec(['sh', '-c', command], {
      okExitCodes: Array.from({ length: 256 }, (_, code) => code),
      ...options,
    });
    return { stdout, stderr, exitCode };
  },
};

async function script(name: string, text: string, more: Partial<PlanProvision> = {}): Promise<PlanProvision> {
  const source = join(folder, 'sources', name);
  await mkdir(join(folder, 'sources'), { recursive: true });
  await writeFile(source, text);
  return {
    kind: 'script',
    name: `scripts/${name}`,
    digest: digestOf(text),
    source,
    environment: {},
    network: false,
    ...more,
  } as PlanProvision;
}

function provision(items: PlanProvision[], signal = new AbortController().signal): Promise<void> {
  const plan = {
    template: templateSchema.parse({ name: 'web', distro: 'debian', release: '12', users: { default: 'admin' } }),
    release: { id: '12', codename: 'bookworm', title: 'Debian 12' },
    arch: 'amd64',
    guestSources: '',
    keys: {},
    provisioning: items,
  } as unknown as Plan;
  return provisionOverSsh(plan, connection, {
    emit: (event) => void events.push(event),
    signal,
    folder: join(folder, 'machine'),
  });
}

async function failure(items: PlanProvision[]): Promise<AppError> {
  return provision(items).then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as AppError,
  );
}

describe.skipIf(needsRoot() || needs('unshare', 'tar', 'bash'))('provisioning over SSH', () => {
  test('runs steps and scripts in order, with their variables, and the files of the steps', async () => {
    await mkdir(join(folder, 'sources/files'), { recursive: true });
    await writeFile(join(folder, 'sources/files/unit'), 'shipped\n');
    const out = join(folder, 'out');
    const step = await script(
      'base',
      `#!/bin/sh\nset -eu\necho "$GABARIT_USER $GABARIT_WITH_JOURNAL $(cat "$GABARIT_FILES/unit")" >>${out}\n`,
      {
        kind: 'step',
        name: 'base',
        environment: { GABARIT_WITH_JOURNAL: "it's; $(volatile)" },
      },
    );
    const own = await script(
      'own.py',
      `#!/usr/bin/env python3\nimport os\nopen(${JSON.stringify(out)}, 'a').write(os.environ['ROLE'] + '\\n')\nprint('done here')\n`,
      {
        environment: { ROLE: 'web' },
      },
    );
    await provision([step, own]);
    expect(await readFile(out, 'utf8')).toBe("admin it's; $(volatile) shipped\nweb\n");
    expect(events).toContainEqual({ type: 'log', level: 'info', message: 'done here', source: 'scripts/own.py' });
  });

  test('copies files with their owner and mode', async () => {
    const source = join(folder, 'motd');
    await writeFile(source, 'hello\n');
    await chmod(source, 0o600);
    const to = join(folder, "it's a folder/motd");
    await provision([
      { kind: 'file', name: 'files/motd', digest: digestOf('hello\n'), source, to, mode: '0640', owner: 'root:adm' },
    ]);
    expect(await readFile(to, 'utf8')).toBe('hello\n');
    expect((await stat(to)).mode & 0o777).toBe(0o640);
  });

  test.each([
    ['bash', '#!/bin/bash\nset -e\necho begin\n\nls /does/not/exist\n', 5],
    ['sh', '#!/bin/sh\nset -e\necho begin\n\nls /does/not/exist\n', 5],
  ])('names the failing line of a %s script, and the last that it said', async (_shell, text, line) => {
    const error = await failure([await script('site.sh', text)]);
    expect(error).toMatchObject({ code: 'SCRIPT_FAILED' });
    expect(error.message).toMatch(
      new RegExp(`^The script scripts/site\\.sh failed at line ${line}: ls /does/not/exist \\(exit code 2\\)`),
    );
    expect(error.faults[0]).toMatchObject({ line, file: join(folder, 'sources/site.sh') });
    expect(error.faults[0]?.message).toContain('No such file or directory');
  });

  test('a script has no network unless it asked for it', async () => {
    const probe = (name: string) =>
      `#!/bin/sh\nls /sys/class/net >${folder}/${name}; ip -o link 2>/dev/null | wc -l >>${folder}/${name}; cat /proc/net/dev | wc -l >${folder}/${name}\n`;
    await provision([await script('without.sh', probe('without')), await script('with.sh', probe('with'), { network: true })]);
    const count = async (name: string): Promise<number> => Number(await readFile(join(folder, name), 'utf8'));
    expect(await count('without')).toBe(3);
    expect(await count('with')).toBe((await readFile('/proc/net/dev', 'utf8')).split('\n').length - 1);
  });

  test('can be cancelled', async () => {
    const cancel = new AbortController();
    const running = provision([await script('long.sh', '#!/bin/sh\nsleep 60\n')], cancel.signal);
    setTimeout(() => cancel.abort(), 500);
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
