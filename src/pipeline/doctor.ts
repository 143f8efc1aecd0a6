import { availableParallelism } from 'node:os';
import { type HostFact, type HostReport, reportOf } from '../model/host.ts';
import { AppError } from '../util/errors.ts';
import { inspectMirrors, type MirrorProbe } from './doctor-mirrors.ts';
import { inspectNamespaces } from './doctor-namespaces.ts';
import { inspectMemory, inspectSpace } from './doctor-space.ts';
import { inspectLocale, inspectTools } from './doctor-tools.ts';

export interface InspectOptions {
  cacheDir: string;
  outputDir: string;
  tempDir: string;
  /** The InRelease files that must be reachable. */
  mirrors: MirrorProbe[];
  /** Really starts a machine with KVM, and says why it cannot. */
  proveKvm: () => Promise<{ usable: boolean; reason: string }>;
  signal: AbortSignal;
}

const oldestNode = 24;

function inspectNode(): HostFact {
  const isNewEnough = Number(process.versions.node.split('.')[0]) >= oldestNode;
  const found = `${process.version} (${process.execPath})`;
  const fact = { id: 'node', title: 'Node.js', neededFor: 'build', found, version: process.versions.node } as const;
  if (isNewEnough) return { ...fact, status: 'ok' };
  return { ...fact, status: 'fail', hint: `Start Gabarit by its launcher, which brings Node ${oldestNode}.` };
}

function inspectCores(): HostFact {
  const cores = availableParallelism();
  const fact = { id: 'cores', title: 'Processor cores', neededFor: 'build', found: String(cores) } as const;
  return cores > 1 ? { ...fact, status: 'ok' } : { ...fact, status: 'warn', hint: 'Builds use all cores; one is slow.' };
}

async function inspectKvm(proveKvm: InspectOptions['proveKvm']): Promise<HostFact> {
  const fact = { id: 'kvm', title: 'KVM', neededFor: 'verify' } as const;
  const { usable, reason } = await proveKvm().catch((error: unknown) => {
    // The missing tool is a fact of its own.
    if (error instanceof AppError && error.code === 'TOOL_MISSING')
      return { usable: false, reason: `not tried: ${error.message}` };
    throw error;
  });
  if (usable) return { ...fact, status: 'ok', found: reason };
  return {
    ...fact,
    status: 'warn',
    found: reason,
    hint: 'Machines are emulated and boot 5 to 10 times slower. Give this user /dev/kvm (group kvm), or turn on nested virtualization.',
  };
}

/** Looks at everything that a build or a verification needs of this host; what can be tried is tried. Changes nothing. */
export async function inspectHost(options: InspectOptions): Promise<HostReport> {
  const trials = await Promise.all([
    inspectTools(options.signal),
    inspectNamespaces(options.cacheDir, options.signal),
    inspectSpace(options),
    inspectMemory(),
    inspectKvm(options.proveKvm),
    inspectMirrors(options.mirrors, options.signal),
    inspectLocale(options.signal),
  ]);
  return reportOf([inspectNode(), inspectCores(), ...trials.flat()]);
}
