import type { HostFact } from '../model/host.ts';

export interface MirrorProbe {
  /** `debian` */
  name: string;
  /** The InRelease file of a suite that templates use. */
  url: string;
}

const timeoutMs = 10_000;

/** Asks each mirror for the head of its InRelease. A mirror that fails is a warning: a cached build needs none. */
export async function inspectMirrors(mirrors: MirrorProbe[], signal: AbortSignal): Promise<HostFact[]> {
  return Promise.all(mirrors.map((mirror) => inspectMirror(mirror, signal)));
}

async function inspectMirror({ name, url }: MirrorProbe, signal: AbortSignal): Promise<HostFact> {
  const { host } = new URL(url);
  const fact = { id: `mirror.${name}`, title: `Mirror ${name}`, neededFor: 'build' } as const;
  const hint = 'Check the network and the proxy (http_proxy), or set another mirror in the configuration.';
  const started = performance.now();
  try {
    const response = await fetch(url, { method: 'HEAD', signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    if (!response.ok) return { ...fact, status: 'warn', found: `${host} answers ${response.status} to ${url}`, hint };
    return { ...fact, status: 'ok', found: `${host} answers in ${Math.round(performance.now() - started)} ms` };
  } catch (error) {
    signal.throwIfAborted();
    return { ...fact, status: 'warn', found: `${host} does not answer: ${reasonOf(error)}`, hint };
  }
}

/** fetch hides the true reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
