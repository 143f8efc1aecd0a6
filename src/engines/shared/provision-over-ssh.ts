import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { shellQuote, type SshConnection } from '../../clients/ssh.ts';
import type { Plan, PlanProvision } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { AppError } from '../../util/errors.ts';
import { bashTraceText, type ScriptItem, traceScript } from './script-trace.ts';
import { stepEnvironment } from './step-environment.ts';

/** The provisioning of a plan in a machine that runs, as root over SSH: the same steps, parameters, files and errors as in a tree. */

type Connection = Pick<SshConnection, 'run'>;
interface Context extends Pick<StepContext, 'emit' | 'signal'> {
  /** Another place in the machine for what is brought there. */
  folder?: string;
  /** More variables for every step and script. */
  variables?: Record<string, string>;
}

/** On the root file system, as /run may not be executed from. Removed at the end, before free space is given back. */
export const machineFolder = '/root/.gabarit';
const limits = { scriptMs: 60 * 60_000, copyMs: 10 * 60_000 };

/** What lets the build log in as root where the image itself would not; removed at the end. */
export const buildAccess = '/etc/ssh/sshd_config.d/00-gabarit-build.conf';

/** @throws AppError SCRIPT_FAILED with the failing line; BUILD_FAILED, CANCELLED */
export async function provisionOverSsh(plan: Plan, ssh: Connection, ctx: Context): Promise<void> {
  const folder = ctx.folder ?? machineFolder;
  await upload(plan, folder, ssh, ctx);
  const environment = { ...machineEnvironment, ...stepEnvironment(plan), ...ctx.variables, GABARIT_FILES: `${folder}/files` };
  for (const [index, item] of plan.provisioning.entries()) {
    ctx.signal.throwIfAborted();
    ctx.emit({
      type: 'step.progress',
      step: 'provision',
      done: index,
      total: plan.provisioning.length,
      unit: 'items',
      note: item.name,
    });
    if (item.kind === 'file') await install(item, `${folder}/items/${index}`, ssh, ctx);
    else await runScript(item, { folder, script: `${folder}/items/${index}`, environment }, ssh, ctx);
  }
}

const machineEnvironment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TZ: 'UTC',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  DEBCONF_NONINTERACTIVE_SEEN: 'true',
};

/** Brings everything in one go: the scripts and files of the plan, and what the shipped steps install. */
async function upload(plan: Plan, folder: string, ssh: Connection, ctx: Context): Promise<void> {
  const archive = pack();
  for (const [index, item] of plan.provisioning.entries())
    archive.entry({ name: `items/${index}`, mode: 0o700 }, await readFile(item.source));
  const step = plan.provisioning.find((item) => item.kind === 'step');
  if (step) {
    const files = join(dirname(step.source), 'files');
    for (const name of await readdir(files).catch(() => [] as string[]))
      archive.entry({ name: `files/${name}`, mode: 0o644 }, await readFile(join(files, name)));
  }
  archive.entry({ name: 'bash-trace', mode: 0o644 }, bashTraceText);
  archive.finalize();
  const command = `rm -rf ${folder} && install -d -m 0700 ${folder} && tar -x -C ${folder} --no-same-owner`;
  await must(command, 'Bringing the provisioning scripts', ssh, ctx, { input: await buffer(archive), timeoutMs: limits.copyMs });
}

async function install(
  item: Extract<PlanProvision, { kind: 'file' }>,
  source: string,
  ssh: Connection,
  ctx: Context,
): Promise<void> {
  const [owner = 'root', group = owner] = item.owner.split(':');
  const words = ['install', '-D', '-m', item.mode, '-o', owner, '-g', group, source, item.to];
  await must(words.map(shellQuote).join(' '), `Copying ${item.name} to ${item.to}`, ssh, ctx);
}

async function runScript(
  item: ScriptItem,
  { folder, script, environment }: { folder: string; script: string; environment: Record<string, string> },
  ssh: Connection,
  ctx: Context,
): Promise<void> {
  const run = traceScript(item, await readFile(item.source, 'utf8'), ctx.emit);
  const variables = { ...environment, ...item.environment, ...run.environment(`${folder}/bash-trace`) };
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  // Not in a process world of its own, as in a tree: systemctl would not reach the system there.
  const world = item.network ? [] : ['unshare', '--net'];
  const words = ['env', '-i', ...settings, ...world, ...run.argv(script)];
  const isLast = item.kind === 'step' && item.name === 'seal';
  // Nobody writes logs, clocks or the like while they are emptied, nor after it.
  const before = isLast ? `${stopWriters}; ` : '';
  const { exitCode } = await ssh.run(`${before}cd / && exec ${words.map(shellQuote).join(' ')}`, {
    timeoutMs: limits.scriptMs,
    signal: ctx.signal,
    onLine: (line, stream) => run.onLine(line, stream),
  });
  if (exitCode !== 0) throw run.failure(exitCode);
}

const stopWriters =
  'systemctl --quiet stop cron.service crond.service systemd-timesyncd.service chrony.service chronyd.service apt-daily.timer apt-daily-upgrade.timer syslog.socket rsyslog.service systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket systemd-journald.service 2>/dev/null';

async function must(
  command: string,
  what: string,
  ssh: Connection,
  ctx: Context,
  options: { input?: Uint8Array; timeoutMs?: number } = {},
): Promise<string> {
  const { stdout, stderr, exitCode } = await ssh.run(command, { signal: ctx.signal, ...options });
  if (exitCode === 0) return stdout;
  throw new AppError('BUILD_FAILED', `${what} failed (exit code ${exitCode}): ${stderr.trim().split('\n').at(-1) ?? ''}`);
}

/**
 * The end of a machine whose disk becomes an image: our own files go, free space is given back (so that nothing deleted stays in it),
 * the file systems are made clean and read-only, and the power goes off without anything being written any more.
 */
export async function sealAndPowerOff(ssh: Connection, ctx: Context): Promise<void> {
  const commands = [
    `rm -rf ${ctx.folder ?? machineFolder} ${buildAccess}`,
    'sync',
    'fstrim --all --quiet || true',
    'sync',
    // After the answer, as the connection ends with the machine.
    "nohup sh -c 'sleep 1; echo u >/proc/sysrq-trigger; sleep 2; echo o >/proc/sysrq-trigger' >/dev/null 2>&1 </dev/null &",
  ];
  await must(commands.join('\n'), 'Switching the machine off', ssh, ctx, { timeoutMs: limits.copyMs });
}
