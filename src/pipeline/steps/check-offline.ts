import type { RootfsCheck, RootfsSubject, Verdict } from '../../model/check.ts';
import { verdictEvent, verdictsOf } from '../../model/check.ts';
import type { Format } from '../../model/format.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import type { Step } from '../ledger.ts';
import type { Converted } from './convert.ts';

/** Opens an image's root file system for the checks; `close` ends it. */
export type OpenSubject = (
  path: string,
  format: Format,
) => Promise<{ subject: Omit<RootfsSubject, 'plan' | 'artifacts'>; close(): Promise<void> }>;

export interface OfflineChecked {
  verdicts: Verdict[];
  /** From the image's own /etc/os-release: `Debian GNU/Linux 12 (bookworm)`, and /etc/debian_version. */
  os: { pretty: string; pointRelease: string };
  /** Bytes of all files on the root file system. */
  rootBytes: number;
}

/** Everything that can be proven about the published bytes without booting them. The image is only read. */
export function checkOfflineStep(
  checks: RootfsCheck[],
  format: Format,
  plan: Plan,
  artifacts: Converted[],
  openSubject: OpenSubject,
  options: { quick: boolean },
): Step<{ artifact: string; checks: string[]; plan: string }, OfflineChecked> {
  return {
    id: 'check',
    title: 'Checking the image',
    revision: 1,
    async run(_input, ctx) {
      const artifact = artifacts.find((candidate) => candidate.format === format.id);
      if (artifact === undefined) throw new TypeError(`no artifact of format ${format.id}`);
      const opened = await openSubject(artifact.path, format);
      try {
        const subject: RootfsSubject = {
          ...opened.subject,
          plan,
          artifacts: Object.fromEntries(artifacts.map(({ format: id, size }) => [id, size])),
        };
        const verdicts = await runRootfsChecks(checks, subject, options.quick, ctx);
        const release = (await subject.rootfs.readText('/etc/os-release')) ?? '';
        const pretty = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? '';
        const pointRelease = ((await subject.rootfs.readText('/etc/debian_version')) ?? '').trim();
        return { verdicts, os: { pretty, pointRelease }, rootBytes: (await subject.rootfs.info()).used };
      } finally {
        await opened.close();
      }
    },
    files: () => [],
  };
}

/** Runs every check that the template does not skip; a skipped one stays in the report with its reason. */
async function runRootfsChecks(
  checks: RootfsCheck[],
  subject: RootfsSubject,
  quick: boolean,
  ctx: StepContext,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const skips = new Map(subject.plan.template.checks.skip.map(({ check, reason }) => [check, reason]));
  for (const [index, check] of checks.entries()) {
    ctx.signal.throwIfAborted();
    ctx.emit({ type: 'step.progress', step: 'check', done: index, total: checks.length, unit: 'items', note: check.id });
    const started = performance.now();
    const reason = skips.get(check.id);
    const found =
      reason === undefined
        ? verdictsOf(check, await check.run(subject, { signal: ctx.signal, quick }))
        : [{ check: check.id, title: check.title, status: 'skip' as const, message: reason }];
    const durationMs = performance.now() - started;
    for (const verdict of found) {
      verdicts.push({ ...verdict, durationMs });
      ctx.emit(verdictEvent(verdict));
    }
  }
  return verdicts;
}
