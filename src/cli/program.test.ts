import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { fakeApp } from '../../test/fakes/app.ts';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import { AppError } from '../util/errors.ts';
import { createProgram, runCli } from './program.ts';
import { cliReference, everyCommand } from './reference.ts';

interface Outcome {
  code: number;
  out: string;
  err: string;
  /** Standard output as JSON, line by line. */
  lines: Record<string, unknown>[];
  requests: unknown[];
  flags: unknown;
}

/** Runs a command over a fake application; `this` may change some of it. */
async function gabarit(this: { targets?: object; deployments?: unknown } | void, ...argv: string[]): Promise<Outcome> {
  const app = fakeApp();
  if (this) Object.assign(app, { deployments: this.deployments, config: { ...app.config, targets: this.targets } });
  let [out, err, flags] = ['', '', undefined as unknown];
  const code = await runCli(argv, {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    environment: {},
    createApp: async (given) => {
      flags = given;
      return app;
    },
  });
  const lines = argv.includes('--json')
    ? out
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    : [];
  return { code, out, err, lines, requests: app.requests, flags };
}

test('docs/reference/cli.md is the help of every command (vitest -u writes it)', async () => {
  const program = createProgram(() => Promise.resolve());
  const text = cliReference(program);
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, '../../docs/reference/cli.md'));
  const commands = everyCommand(program).filter(({ commands: children }) => children.length === 0);
  expect(commands.length).toBeGreaterThan(14);
  const sections = text.split('\n## ').slice(1);
  for (const section of sections) {
    expect(section).toContain('--json');
    // All but the version and the groups have examples.
    if (
      !/^`gabarit( audit| store| version| cache| catalog| ci| db| deployments| jobs| key| schedules| secrets)?`\n/.test(section)
    )
      expect(section, section).toContain('Examples:\n  $ ');
  }
});

describe('wrong usage', () => {
  it.each([
    [['biuld'], '(Did you mean build?)\nSee: gabarit --help'],
    [['build', '--forec'], '(Did you mean --force?)\nSee: gabarit build --help'],
    [['catalog', 'sho'], '(Did you mean show?)\nSee: gabarit catalog --help'],
    [['plan'], "missing required argument 'template'"],
    [['plan', 'a', 'b'], 'too many arguments'],
    [['build', 'x', '--jobs', '0'], 'It must be a number from 1.'],
    [['build', 'x', '--formats', 'qcow2,'], 'It must be a list such as qcow2,raw.'],
    [['build', 'x', '--plan', 'p.json'], '--plan names what to build'],
    [['cache', 'prune', '--max-size', '3GB'], '"3GB" is not a size'],
    [['cache', 'prune', '--all', '--max-size', '3GiB'], 'exclude each other'],
    [['catalog', 'show', 'Ä@b', '--store', '/nowhere'], 'is not an image reference'],
    [['deploy', 'debian-12', '--store', '/s'], "required option '--target <name>' not specified"],
    [['deploy', 'debian-12', '--target', 'lab', '--store', '/s', '--limit', '50MB'], 'It must be a rate such as 50MiB/s.'],
    [['deploy', 'Ä', '--target', 'lab', '--store', '/s'], 'is not an image reference'],
    [['deployments', 'rm', 'debian-12@stable', '--target', 'lab'], 'does not name a version'],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish.'],
    [[], 'Usage: gabarit'],
    [['cache'], 'Usage: gabarit cache'],
  ])('%j ends with 2 and says what is wrong', async (argv, message) => {
    const { code, out, err } = await gabarit(...argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
  });

  it('is a line of JSON for programs', async () => {
    const { code, lines } = await gabarit('build', '--forec', '--json');
    expect([code, lines]).toEqual([2, [expect.objectContaining({ type: 'error', code: 'USAGE', exit: 2 })]]);
  });
});

describe('build', () => {
  it('hands on what was asked, with the options of all commands anywhere', async () => {
    const { requests, flags } = await gabarit(
      '--cache-dir',
      '/c',
      'build',
      'a',
      '--out',
      '/o',
      'b',
      '-j',
      '2',
      '--formats',
      'raw, qcow2',
      '--force',
      '--offline',
      '--verify',
      '--check-reproducible',
      '--config',
      'g.yaml',
      '--yes',
    );
    expect(flags).toEqual({ cacheDir: '/c', outputDir: '/o', configFile: 'g.yaml' });
    expect(requests).toEqual([
      {
        templates: ['a', 'b'],
        formats: ['raw', 'qcow2'],
        jobs: 2,
        force: true,
        offline: true,
        allowEndOfLife: false,
        verify: true,
        checkReproducible: true,
        outputDir: '/work/out',
      },
    ]);
    expect((await gabarit('build', '--plan', 'p.json')).requests).toMatchObject([
      { templates: [], planFile: 'p.json', jobs: 1, force: false },
    ]);
  });

  it('shows steps on standard error, and the summary on standard output', async () => {
    const { code, out, err } = await gabarit('build', 'debian-12');
    expect(code).toBe(0);
    expect(err.split('\n').map((line) => line.trimEnd())).toEqual([
      '  Planning ...',
      '✓ Planning: 412 packages                            0.5 s',
      '  Making the base system ...',
      '✓ Making the base system                            5.0 s',
      '  Writing qcow2 ...',
      '✓ Writing qcow2                                     reused',
      '',
    ]);
    expect(out).toContain('debian-12 20261123.1 built in 9.6 s\n  base: fetch  3.1 s\n');
    expect(out).toMatch(/disk\.qcow2 {2}266\.0 MiB\n\nNext:\n {2}gabarit verify \S*out\/debian-12\/20261123\.1\n/);
  });

  it('tells everything with -v, and only the folder with --quiet', async () => {
    expect((await gabarit('build', 'debian-12', '-v')).err).toContain('setup.sh | hello\n');
    expect(await gabarit('build', 'debian-12', '--quiet')).toMatchObject({
      code: 0,
      out: '/work/out/debian-12/20261123.1\n',
      err: '',
    });
  });

  it('ends several builds with a table, their errors, and the worst exit code', async () => {
    const { code, out, err } = await gabarit('build', 'debian-12', 'bad');
    expect(code).toBe(1);
    expect(out).toMatch(/^\nTEMPLATE +OUTCOME .*\ndebian-12 +done +20261123\.1 .*\nbad +failed +- /);
    expect(err).toContain('\nbad\nerror: setup.sh failed at line 7  SCRIPT_FAILED\n  | + install\nhint: Correct it.\n');
    expect(await gabarit('build', 'debian-12', 'bad', '-q')).toMatchObject({ code: 1, out: '/work/out/debian-12/20261123.1\n' });
  });

  it('is one event a line for programs, the result last', async () => {
    const { code, lines, err } = await gabarit('build', 'debian-12', 'bad', '--json');
    expect([code, err]).toEqual([1, '']);
    expect(lines.slice(0, -1).map(({ seq }) => seq)).toEqual(Array.from({ length: lines.length - 1 }, (_, at) => at + 1));
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      results: [
        { template: 'debian-12', outcome: 'done' },
        { template: 'bad', outcome: 'failed', error: { code: 'SCRIPT_FAILED', exit: 1 } },
      ],
    });
  });

  it('calls a bug a bug', async () => {
    const { code, err } = await gabarit('build', 'bug');
    expect(code).toBe(1);
    expect(err).toMatch(
      /bug in Gabarit: undefined is not a plan\nTypeError: undefined is not a plan\n {4}at .*\n[^]*Please report it/,
    );
    expect((await gabarit('build', 'bug', '--json')).lines.at(-1)).toMatchObject({ type: 'error', code: 'BUG' });
  });
});

describe('the other commands', () => {
  it('explain: one code, all with an exit code, or all there are', async () => {
    const one = await gabarit('explain', 'store_denied');
    expect(one).toMatchObject({ code: 0, requests: [] });
    expect(one.out).toMatch(/^STORE_DENIED\n {2}What happened .*\n {2}What to do .*\n {2}Exit code +7: /);
    expect((await gabarit('explain', '8')).out).toMatch(/^TIMEOUT\n/);
    expect((await gabarit('explain', '3')).out).toMatch(/^EXIT {2}CODE.*\n +3 {2}TEMPLATE_INVALID /);
    const [all] = (await gabarit('explain', '--json')).lines as unknown as [{ code: string; exit: number; todo: string }[]];
    expect(all.map(({ code }) => code)).toContain('BUG');
    expect(all.find(({ code }) => code === 'CANCELLED')).toMatchObject({ exit: 130, todo: expect.any(String) as string });
    const none = await gabarit('explain', 'STORE_DENYED');
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('did you mean "STORE_DENIED"?')]);
  });

  it('verify: counts, and 6 for a failed check', async () => {
    expect(await gabarit('verify', 'good')).toMatchObject({
      code: 0,
      out: '- ssh-port was skipped: not booted\n1 check passed, 1 skipped\n',
    });
    const { code, err } = await gabarit('verify', 'bad');
    expect([code, err]).toEqual([6, 'error: bad failed 1 of 3 checks  CHECK_FAILED\n  ports (bios): port 25 listens\n']);
  });

  it('verify: the verdicts on a published image, and the exit code of what is wrong', async () => {
    expect(await gabarit('verify', 'debian-12@stable', '--store', '/s')).toMatchObject({
      code: 0,
      out: '✓ The keys are trusted  number 1\n',
    });
    const { code, out, err } = await gabarit('verify', 'forged', '--store', '/s');
    expect([code, out]).toEqual([5, '✓ The keys are trusted    number 1\n✗ The manifest is signed  one byte is wrong\n']);
    expect(err).toBe('error: forged in /s is not to be trusted  DIGEST_MISMATCH\n  manifest: one byte is wrong\n');
    expect((await gabarit('verify', 'forged', '--store', '/s', '--json')).lines).toMatchObject([
      { type: 'result', verified: false },
      { type: 'error', code: 'DIGEST_MISMATCH' },
    ]);
    expect(await gabarit('verify', 'debian-12@stable')).toMatchObject({ code: 2 });
  });

  it('key and sign: without a key, they say how to make one', async () => {
    expect(await gabarit('key', 'ls')).toMatchObject({ code: 0, out: 'There are no keys: gabarit key new makes one\n' });
    for (const argv of [
      ['key', 'export'],
      ['sign', 'out/debian-12/20261123.1'],
    ]) {
      const { code, err } = await gabarit(...argv);
      expect(code).toBe(5);
      expect(err).toContain('hint: gabarit key new makes one (once).');
    }
    expect(await gabarit('key', 'revoke', 'abc', '--store', '/s')).toMatchObject({ code: 2 });
  });

  it('secrets check: where they lie, and what is wrong', async () => {
    const { code, out, err } = await gabarit('secrets', 'check');
    expect(out.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      '',
      '! stores.prod.credentials.secretKey',
      '✗ targets.lab.password',
      '',
    ]);
    expect([code, err]).toEqual([
      2,
      'error: 1 of 2 secrets cannot be used  CONFIG_INVALID\n  targets.lab.password (env:PW): no variable PW is in the environment\n',
    ]);
    expect(await gabarit('secrets', 'check', '--max-age', 'x')).toMatchObject({ code: 2 });
  });

  it('plan: faults with their place', async () => {
    const { code, err } = await gabarit('plan', 'x');
    expect([code, err]).toEqual([
      3,
      'error: x.yaml has 2 faults  TEMPLATE_INVALID\n  x.yaml:3:1: unknown key\n    did you mean "name"?\n',
    ]);
  });

  it('templates, new, cache, doctor, schema, version', async () => {
    expect((await gabarit('templates')).out).toMatch(
      /debian-12 +Debian 12 "bookworm" +- +A server\nbroken.*\n {2}✗ \/t\/broken\.yaml:1:1: no\n$/,
    );
    expect((await gabarit('templates', '-q')).out).toBe('debian-12\nbroken\n');
    expect((await gabarit('new', 'web', '--from', 'debian-12')).out).toContain('gabarit build web\n');
    expect((await gabarit('cache', 'ls')).out).toBe('KIND     PARTS      SIZE\npackage      1  3.00 MiB\n3.00 MiB in /cache\n');
    expect((await gabarit('cache', 'ls', '-v')).out).toContain('1970-01-01 00:00  packages/x.deb\n');
    expect((await gabarit('cache', 'prune', '--all')).out).toBe('Removed 1 part, 3.00 MiB\n');
    expect((await gabarit('cache', 'prune', '--all', '--json')).lines).toMatchObject([{ bytes: 3 * 2 ** 20 }]);
    expect(await gabarit('doctor')).toMatchObject({
      code: 4,
      out: expect.stringContaining('This host cannot build images.') as string,
    });
    expect(JSON.parse((await gabarit('schema')).out)).toMatchObject({ type: 'object' });
    expect((await gabarit('version', '-q')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await gabarit('--version')).toMatchObject({ code: 0, out: (await gabarit('version', '-q')).out });
  });
});

describe('deploy, rollback and deployments', () => {
  const deploy = ['deploy', 'debian-12@stable', '--store', '/s', '--target'];

  it('says what was done on one target, and how to go back', async () => {
    const { code, out, err } = await gabarit(...deploy, 'lab');
    expect([code, out]).toEqual([
      0,
      '\nlab: debian-12 20261123.1 deployed in 1.2 s (2.00 MiB sent)\n  20261122.1 is kept: gabarit rollback debian-12 --target lab\n',
    ]);
    expect(err).toContain('✓ Sending the image');
    expect((await gabarit(...deploy, 'lab', '-q')).out).toBe('lab debian-12@20261123.1 7a1c\n');
    expect((await gabarit(...deploy, 'lab', '--dry-run')).out).toBe(
      '\nlab: it would be sent\n  to the storage "Local storage"\n',
    );
  });

  it('goes on with the others when a target fails, and ends with the worst exit code', async () => {
    const { code, out, err } = await gabarit(...deploy, 'lab', '--target', 'bad');
    expect(code).toBe(7);
    expect(out).toContain('lab: debian-12 20261123.1 deployed');
    expect(err).toContain('\nbad\nerror: bad has a VM template "debian-12"  CONFLICT\nhint: Rename it.\n');
    expect((await gabarit(...deploy, 'lab', '--target', 'bad', '--json')).lines.at(-1)).toMatchObject({
      type: 'result',
      results: [
        { target: 'lab', outcome: 'deployed', deployment: { version: '20261123.1' } },
        { target: 'bad', outcome: 'failed', error: { code: 'CONFLICT', exit: 7 } },
      ],
    });
  });

  it('rolls back, lists, removes and sweeps', async () => {
    expect((await gabarit('rollback', 'debian-12', '--target', 'lab')).out).toBe(
      '\nlab: debian-12 20261123.1 is current again; it was there, nothing was sent\n',
    );
    const list = await gabarit('deployments', 'ls', '--store', '/s');
    expect([list.code, list.out]).toEqual([
      0,
      'TARGET  TEMPLATE   VERSION     STATE    CALLED     UUID\n' +
        'lab     debian-12  20261123.1  current  debian-12  7a1c\n' +
        '  ! it is called "x" instead of "debian-12"\n' +
        '  ! the image was revoked: a hole in openssl\n',
    ]);
    expect((await gabarit('deployments', 'ls', 'debian-13')).out).toBe('There are no deployments\n');
    expect((await gabarit('deployments', 'ls', '--json')).lines).toMatchObject([
      [{ target: 'lab', deployments: [{ id: '7a1c' }] }],
    ]);
    expect((await gabarit('deployments', 'rm', 'debian-12@20261123.1', '--target', 'lab')).out).toBe(
      '\nlab: debian-12 20261123.1 was removed\n',
    );
    expect((await gabarit('deployments', 'sweep')).out).toBe(
      '\nlab: removed 1 leftover\n  vm debian-12 (20261123.1, importing, run 1) (run 1)\n',
    );
  });
});

describe('convert and inspect', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-cli-'));
    await writeFile(join(folder, 'disk.img'), Buffer.alloc(3 * 2 ** 20, 1));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('go from one format to another, and tell of it', async () => {
    const source = join(folder, 'disk.img');
    const machine = [
      '--name',
      'web',
      '--cpus',
      '3',
      '--memory',
      '1GiB',
      '--firmware',
      'uefi-secure-boot',
      '--network',
      'a',
      '--network',
      'b',
    ];
    const { code, out } = await gabarit('convert', source, '--to', 'xva', '-o', 'checksum=sha1', ...machine);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^.*disk\.xva {2}xva, 3\.\d+ MiB \(a disk of 3\.00 MiB\) in \d/) as string,
    ]);
    const { out: text } = await gabarit('inspect', join(folder, 'disk.xva'));
    expect(text).toMatch(
      /\n {2}Format {8}xva\n[^]*Name {10}web\n[^]*Secure boot {3}yes\n {2}CPUs {10}3\n {2}Memory {8}1\.00 GiB\n/,
    );
    expect(text).toMatch(/Checksums {5}3 compared \(SHA-1\), all right\n {2}Virtual size {2}3\.00 MiB \(3145728 bytes\)\n/);
    expect((await gabarit('inspect', join(folder, 'disk.xva'), '--json')).lines).toMatchObject([
      { schema: 'gabarit.inspection/1', format: 'xva', checksums: { checked: 3 }, disks: [{ virtualSize: 3 * 2 ** 20 }] },
    ]);
  });

  it('put the file where --out says, and replace nothing by themselves', async () => {
    const source = join(folder, 'disk.img');
    await mkdir(join(folder, 'there'));
    expect(await gabarit('convert', source, '--to', 'raw', '--out', join(folder, 'there'), '-q')).toMatchObject({
      code: 0,
      out: `${folder}/there/disk.raw\n`,
    });
    const again = ['convert', source, '--to', 'raw', '--out', join(folder, 'there/disk.raw'), '--json'];
    expect((await gabarit(...again)).lines.at(-1)).toMatchObject({ type: 'error', code: 'CONFLICT', exit: 7 });
    expect((await gabarit(...again, '--force')).lines.at(-1)).toMatchObject({
      type: 'result',
      from: 'raw',
      format: 'raw',
      virtualSize: 3 * 2 ** 20,
    });
    expect(await gabarit('convert', source, '--to', 'raw', '--out', join(folder, 'absent/'))).toMatchObject({ code: 7 });
    expect((await gabarit('convert', source, '--to', 'vdi')).err).toMatch(
      /"vdi" is not a format {2}USAGE\nhint: Formats are .*xva/,
    );
    expect((await gabarit('convert', source, '--to', 'xva', '--memory', '2GB')).err).toContain('It must be a size such as 2GiB');
    expect((await gabarit('convert', source)).err).toContain("required option '--to <format>'");
  });
});

describe('publish and catalog', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-cli-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('take an image back, and allow it again', async () => {
    const store = `file:${folder}/store`;
    const inStore = (...argv: string[]): Promise<Outcome> => gabarit('catalog', ...argv, '--store', store);
    for (const version of ['20261123.1', '20261123.2'])
      await gabarit('publish', await writeOutputFolder(folder, 'debian-12', version), '--store', store, '--channel', 'dev');
    expect(await inStore('revoke', 'debian-12@dev')).toMatchObject({ code: 2 });
    const revoked = await inStore('revoke', 'debian-12@dev', '--reason', 'a hole', '--fallback', '--by', 'ada');
    expect(revoked.out).toBe('revoked debian-12@20261123.2\ndebian-12@dev is 20261123.1 now\n');
    expect((await inStore('ls')).out).toMatch(/20261123\.2 +revoked/);
    const refused = await inStore('resolve', 'debian-12@20261123.2');
    expect(refused.err).toMatch(/was revoked: a hole {2}REVOKED\nhint: By ada on 20/);
    expect(refused.code).toBe(7);
    expect((await inStore('show', 'debian-12@20261123.2')).out).toMatch(/Revoked +a hole \(by ada on 20/);
    expect((await inStore('restore', 'debian-12@20261123.2')).out).toBe('debian-12@20261123.2 may be used again\n');
    expect((await inStore('ancestry', 'debian-12')).out).toBe('debian-12@20261123.2\n');
    expect((await inStore('prune', '--keep-last', 'x')).code).toBe(2);
    expect((await inStore('prune')).err).toContain('Give --keep-last N or --keep-days N');
    expect((await inStore('prune', '--keep-last', '0')).out).toMatch(
      /debian-12@20261123\.2 .*\n1 image, .* would be removed; add --apply to do it\n$/,
    );
    expect((await inStore('prune', '--keep-last', '0', '--apply', '--json')).lines).toMatchObject([
      { applied: true, images: [{ version: '20261123.2' }] },
    ]);
    const digest = (await inStore('resolve', 'debian-12')).out.trim().split('@')[1];
    await gabarit('publish', await writeOutputFolder(folder, 'debian-12', '20261123.3'), '--store', store, '--channel', 'dev');
    const asked: string[][] = [];
    const pruneAsking = async (answer: object): Promise<Outcome> =>
      gabarit.call(
        { targets: { lab: {} }, deployments: async (names: string[]) => asked.push(names) && [answer] },
        'catalog',
        'prune',
        '--keep-last',
        '0',
        '--store',
        store,
      );
    expect((await pruneAsking({ target: 'lab', deployments: [{ digest }] })).out).toBe('There is nothing to remove\n');
    expect(
      await pruneAsking({ target: 'lab', deployments: [], error: new AppError('STORE_FAILED', 'it is down') }),
    ).toMatchObject({
      code: 7,
      err: expect.stringContaining('lab cannot be asked which images it uses'),
    });
    expect(asked).toEqual([[], []]);
    expect((await inStore('repair')).out).toBe('debian-12: in order (2 images, 1 channel)\n');
    expect((await inStore('site')).out).toContain('index.html\n');
    expect((await inStore('diff', 'debian-12', 'debian-12@dev')).err).toContain('has no inventory.json');
    expect((await gabarit('catalog', 'diff', 'debian-12', 'debian-12@dev')).err).toContain('In which store is debian-12?');
  });

  it('move a channel by two people', async () => {
    const store = `file:${folder}/store`;
    await gabarit('publish', await writeOutputFolder(folder, 'debian-12', '20261123.1'), '--store', store);
    const promoted = await gabarit('catalog', 'promote', 'debian-12', 'production', '--store', store, '--by', 'ada');
    expect(promoted.out).toContain('debian-12@20261123.1 is proposed for production by ada; one more person must approve it:\n');
    expect((await gabarit('catalog', 'ls', '--store', store)).out).toContain('(production)');
    const approve = ['catalog', 'approve', 'debian-12', 'production', '--store', store, '--by'];
    expect(await gabarit(...approve, 'ada')).toMatchObject({ code: 2 });
    expect((await gabarit(...approve, 'bob')).out).toBe('debian-12@production is 20261123.1 now\n');
  });

  it('go from an output folder to a promoted image', async () => {
    const store = `file:${folder}/store`;
    for (const version of ['20261123.1', '20261123.2']) {
      const output = await writeOutputFolder(folder, 'debian-12', version);
      expect((await gabarit('publish', output, '--store', store, '--channel', 'dev')).out).toContain(
        `debian-12@${version} is in ${store}, and debian-12@dev is it\n`,
      );
    }
    expect(
      (await gabarit('catalog', 'ls', '--store', store)).out.split('\n').map((line) => line.split(/ +/).slice(0, 3)),
    ).toEqual([['TEMPLATE', 'VERSION', 'CHANNELS'], ['debian-12', '20261123.2', 'dev'], ['debian-12', '20261123.1', '-'], ['']]);
    const promote = ['catalog', 'promote', 'debian-12@20261123.1', 'stable', '--store', store];
    expect(await gabarit(...promote, '--seen', 'none')).toMatchObject({ code: 0, out: 'debian-12@stable is 20261123.1 now\n' });
    expect(await gabarit(...promote)).toMatchObject({ code: 0 });
    expect(await gabarit('catalog', 'promote', 'debian-12', 'stable', '--store', store, '--seen', 'none')).toMatchObject({
      code: 7,
    });
    const resolved = (await gabarit('catalog', 'resolve', 'debian-12@stable', '--store', store)).out;
    expect(resolved).toMatch(/^debian-12@sha256:[0-9a-f]{64}\n$/);
    const shown = (await gabarit('catalog', 'show', resolved.trim(), '--store', store)).out;
    expect(shown).toMatch(/^debian-12@20261123\.1: A small image\n[^]*Channels +stable\n[^]*disk\.qcow2/);
    expect(await gabarit('catalog', 'show', 'debian-12@nope', '--store', store)).toMatchObject({ code: 7 });
    expect(await gabarit('catalog', 'ls', 'debian-13', '--store', store)).toMatchObject({ code: 7 });
    expect((await gabarit('catalog', 'ls', '--store', store, '--json')).lines.at(0)).toMatchObject([{ template: 'debian-12' }]);
  });
});
