import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../../test/tools.ts';
import { exec } from '../../util/exec.ts';
import { createProgram } from '../program.ts';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { describeCommands } from './tree.ts';
import { zshCompletion } from './zsh.ts';

const commands = describeCommands(createProgram(() => Promise.resolve()));
let folder = '';

/** Every shell gets its script, a `gabarit` that knows two templates, and a definition in its working folder. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-completion-'));
  await writeFile(join(folder, 'gabarit'), '#!/bin/sh\n[ "$*" = "templates --quiet" ] && printf "debian-12\\nweb-server\\n"\n');
  await chmod(join(folder, 'gabarit'), 0o755);
  await writeFile(join(folder, 'other.yaml'), '');
  await writeFile(join(folder, 'completion.bash'), bashCompletion(commands));
  await writeFile(join(folder, 'completion.zsh'), zshCompletion(commands));
  await writeFile(join(folder, 'completion.fish'), fishCompletion(commands));
});
afterAll(() => rm(folder, { recursive: true }));

/** A line up to the cursor, and what must be among the proposals, or all of them. */
const cases: { line: string; has?: string[]; all?: string[] }[] = [
  { line: 'bui', all: ['build'] },
  { line: '', has: ['build', 'catalog', 'version'] },
  { line: 'build deb', all: ['debian-12'] },
  { line: 'build debian-12 web', all: ['web-server'] },
  { line: 'new x --from deb', all: ['debian-12'] },
  { line: 'build --fo', all: ['--force', '--formats'] },
  { line: 'catalog pro', all: ['promote'] },
  { line: 'catalog ls --sto', all: ['--store'] },
  { line: '--json cata', all: ['catalog'] },
  { line: 'completion ', all: ['bash', 'fish', 'zsh'] },
  { line: 'explain STORE_', all: ['STORE_DENIED', 'STORE_FAILED'] },
  { line: 'plan x --arch ', all: ['amd64'] },
  { line: 'build --plan oth', all: ['other.yaml'] },
];

it('knows every command and option', () => {
  expect(commands.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['', 'build', 'catalog', 'catalog ls', 'cache prune', 'completion']),
  );
  const build = commands.find(({ path }) => path === 'build');
  expect(build?.options.flatMap(({ flags }) => flags)).toEqual(
    expect.arrayContaining(['-j', '--jobs', '--verify', '--json', '--no-color']),
  );
  expect(build?.argument).toEqual({ kind: 'template' });
});

function expectProposals(found: string[], { has, all }: (typeof cases)[number]): void {
  if (all) expect(found.toSorted()).toEqual(all);
  else expect(found).toEqual(expect.arrayContaining(has ?? []));
}

describe.skipIf(needs('bash'))('bash', () => {
  it.each(cases)('completes "$line"', async (example) => {
    const words = ['gabarit', ...example.line.split(' ')];
    const script = `source completion.bash; complete -p gabarit; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _gabarit; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await exec(['bash', '--norc', '-c', script, 'bash', ...words], {
      cwd: folder,
      env: { PATH: `${folder}:/usr/bin:/bin` },
    });
    const [registered, ...found] = stdout.trimEnd().split('\n');
    expect(registered).toBe('complete -F _gabarit gabarit');
    expectProposals(found, example);
  });
});

describe.skipIf(needs('fish'))('fish', () => {
  it.each(cases)('completes "$line"', async (example) => {
    const script = `source completion.fish; complete -C 'gabarit ${example.line}'`;
    const env = { PATH: `${folder}:/usr/bin:/bin`, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const { stdout } = await exec(['fish', '--no-config', '-c', script], { cwd: folder, env });
    expectProposals(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[0] ?? ''),
      example,
    );
  });
});

describe.skipIf(needs('zsh'))('zsh', () => {
  it('reads the script, and takes it for gabarit', async () => {
    const script =
      'autoload -U compinit && compinit -u -d zcompdump; source ./completion.zsh; print $_comps[gabarit]; print ${+functions[_gabarit_catalog_ls]}';
    const { stdout, stderr } = await exec(['zsh', '-f', '-c', script], { cwd: folder, env: { HOME: folder } });
    expect([stdout, stderr]).toEqual(['_gabarit_start\n1\n', '']);
  });

  /** Types the line and a tab into a real zsh on a terminal, and reads what became of the line. */
  it.each(cases.filter(({ all }) => all?.length === 1))('completes "$line"', async ({ line, all }) => {
    const setUp = [
      'autoload -U compinit',
      'compinit -u -d zcompdump',
      'source ./completion.zsh',
      'report() { zle complete-word; print -r -- "$BUFFER" > line.txt; exit }',
      'zle -N report',
      "bindkey '^I' report",
      'print REA\\DY',
    ].join('; ');
    const script = `zmodload zsh/zpty; zpty shell zsh -f -i; zpty -w shell "$1"; zpty -r shell output '*READY*'; zpty -w -n shell "$2"$'\\t'; while zpty -r shell output; do; done`;
    await exec(['zsh', '-f', '-c', script, 'zsh', setUp, `gabarit ${line}`], {
      cwd: folder,
      env: { PATH: `${folder}:/usr/bin:/bin`, HOME: folder, TERM: 'dumb' },
      timeoutMs: 30_000,
    });
    const completed = (await readFile(join(folder, 'line.txt'), 'utf8')).trimEnd();
    expect(completed).toBe(`gabarit ${line.slice(0, line.lastIndexOf(' ') + 1)}${all?.[0] ?? ''}`);
  });
});
