import type { LookupFunction } from 'node:net';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { DiagnoseOptions, StoreDiagnosis, StoreProbe, WorkingSettings } from '../../model/store-diagnosis.ts';
import type { StoreContext } from '../../model/store.ts';
import type { CredentialSettings } from '../../model/store-settings.ts';
import { AppError } from '../../util/errors.ts';
import { parseAddress } from './address.ts';
import { probePrefix } from './conditional-writes.ts';
import { type Settings, settingsOf } from './connection.ts';
import { type Identity, readAuthorities, readIdentity } from './credentials.ts';
import { agree, greetingFor } from './doctor/agree.ts';
import type { Line } from './doctor/ask.ts';
import {
  probeChecksums,
  probeExpect,
  probeIfMatch,
  probeIfNoneMatch,
  probeIntegrity,
  probeKeys,
  probeMultipart,
  probeTrailers,
} from './doctor/capabilities.ts';
import { probeTls } from './doctor/certificate.ts';
import { probeLibraryHeaders } from './doctor/library-headers.ts';
import { probeOtherStyle } from './doctor/other-style.ts';
import { probeName, probePort } from './doctor/reach.ts';
import { probeDelete, probeGet, probeList, probePut } from './doctor/rights.ts';
import { openWorkplace } from './doctor/workplace.ts';

export interface DiagnoseS3Options extends DiagnoseOptions {
  /** How names become addresses; by the system when absent. */
  lookup?: LookupFunction;
  /** For one request. */
  timeoutMs?: number;
}

const defaultTimeoutMs = 10_000;
/** Whatever a server does, nobody waits longer. */
const limitMs = 3 * 60_000;

/**
 * Finds out how a bucket can be worked with, and why not: one thing after the other is tried, alone, from the name of the endpoint to the
 * rights of the credentials. Only tiny objects below a prefix of its own are written, and deleted again.
 * @throws AppError USAGE, CANCELLED, TIMEOUT; everything else is a probe that failed
 */
export async function diagnoseS3(url: string, context: StoreContext, options: DiagnoseS3Options): Promise<StoreDiagnosis> {
  const settings = settingsOf(parseAddress(url), context);
  const endpoint = new URL(settings.isAws ? `https://s3.${settings.region}.amazonaws.com` : settings.endpoint);
  const probes: StoreProbe[] = [];
  const report = (probe: StoreProbe): void => {
    probes.push(probe);
    options.onProbe?.(probe);
  };
  const limit = AbortSignal.timeout(limitMs);
  const signal = AbortSignal.any([options.signal, limit]);
  const examined: Examined = { line: undefined, leftovers: [] };
  try {
    await examine({ settings, endpoint, context, options, signal, report, examined });
  } catch (error) {
    if (options.signal.aborted) throw new AppError('CANCELLED', `Cancelled while looking at ${url}`, { cause: error });
    if (limit.aborted)
      throw new AppError('TIMEOUT', `${url} was looked at for ${limitMs / 60_000} minutes without an end`, { cause: error });
    throw error;
  }
  return conclude(url, settings, endpoint, probes, examined);
}

interface Examined {
  /** The way that works in the end. */
  line: Line | undefined;
  leftovers: string[];
}

interface Examination {
  settings: Settings;
  endpoint: URL;
  context: StoreContext;
  options: DiagnoseS3Options;
  signal: AbortSignal;
  report: (probe: StoreProbe) => void;
  examined: Examined;
}

async function examine({ settings, endpoint, context, options, signal, report, examined }: Examination): Promise<void> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const { lookup } = options;
  const step = async (probe: Promise<StoreProbe>): Promise<boolean> => {
    const result = await probe;
    report(result);
    return result.status !== 'fail';
  };

  const secrets = await readSecrets(settings, context);
  if (secrets.probe) report(secrets.probe);
  const reach = { endpoint, lookup, timeoutMs: Math.min(timeoutMs, 5000), signal };
  if (!(await step(probeName(reach))) || !(await step(probePort(reach)))) return;
  const { ca, identity } = secrets;
  if (!(await step(probeTls({ ...reach, ca, caFile: settings.ca }))) || !identity) return;

  const style = settings.addressing ?? (settings.isAws ? 'virtual-host' : 'path');
  const start: Line = {
    endpoint,
    bucket: settings.bucket,
    style,
    signature: settings.signature,
    region: settings.region,
    key: identity,
    clockOffsetMs: 0,
    ca,
    lookup,
    signal,
    timeoutMs,
  };
  const greeting = greetingFor(settings.prefix);
  const agreed = await agree(start, greeting, report);
  let { line } = agreed;
  if (!line) return;
  if (!agreed.hasBucket) {
    report({
      id: 'bucket',
      title: 'Bucket',
      status: 'fail',
      cause: 'bucket-missing',
      found: `there is no bucket "${settings.bucket}" there`,
      hint: 'Look for a slip in the URL, or make the bucket.',
    });
    return;
  }
  report({ id: 'bucket', title: 'Bucket', status: 'pass', found: `"${settings.bucket}" is there` });
  if (line.style === style) report(await probeOtherStyle(line, greeting));
  const headers = await probeLibraryHeaders(line, greeting);
  report(headers.probe);
  ({ line } = headers);
  examined.line = line;

  const place = openWorkplace(line, settings.prefix, probePrefix);
  try {
    if (!(await step(probePut(place)))) return;
    report(await probeGet(place));
    report(await probeList(place));
    report(await probeDelete(place));
    report(await probeMultipart(place));
    report(await probeIfNoneMatch(place));
    report(await probeIfMatch(place));
    report(await probeIntegrity(place));
    report(await probeChecksums(place, settings));
    report(await probeTrailers(place));
    report(await probeExpect(place, settings));
    report(await probeKeys(place));
  } finally {
    examined.leftovers = await place.clear();
  }
}

interface Secrets {
  ca?: string | undefined;
  identity?: Identity;
  /** What is wrong with them, or where they were found. */
  probe?: StoreProbe;
}

/** What is read from this host alone; that it is missing does not keep us from looking at the way to the server. */
async function readSecrets(settings: Settings, { environment }: StoreContext): Promise<Secrets> {
  const probe = { id: 'credentials', title: 'Credentials' };
  const requestHandler = new NodeHttpHandler();
  let ca: string | undefined;
  try {
    ca = await readAuthorities(settings.ca);
    const identity = await readIdentity(settings.credentials, { environment, region: settings.region, requestHandler });
    const found = `found ${placeOf(settings.credentials)}${identity.sessionToken === undefined ? '' : ', with a session token'}`;
    return { ca, identity, probe: { ...probe, status: 'pass', found } };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { ca, probe: { ...probe, status: 'fail', cause: 'credentials-missing', found: wordsOf(error), ...hint } };
  } finally {
    requestHandler.destroy();
  }
}

/** Where credentials are looked for. */
function placeOf(credentials: CredentialSettings): string {
  if (credentials === 'environment') return 'in the environment, or where AWS tools keep them';
  if ('accessKey' in credentials) return `in ${credentials.accessKey} and ${credentials.secretKey}`;
  if ('profile' in credentials) return `in the profile "${credentials.profile}"`;
  return 'process' in credentials ? `by ${credentials.process[0]}` : `for the role ${credentials.webIdentity.roleArn}`;
}

/** Failures that other settings answer, so that they do not stand in the way. */
const settled = new Set(['region', 'addressing', 'signature-version', 'checksums', 'expect']);
/** Failures that signature version 2 goes round. */
const settledByV2 = new Set(['host-rewritten', 'headers-changed', 'path-rewritten']);

function conclude(
  url: string,
  settings: Settings,
  endpoint: URL,
  probes: StoreProbe[],
  { line, leftovers }: Examined,
): StoreDiagnosis {
  const causes = [...new Set(probes.flatMap(({ cause, status }) => (cause !== undefined && status === 'fail' ? [cause] : [])))];
  const goesRound = line?.signature === 'v2' && settings.signature === 'v4';
  const blocking = causes.filter((cause) => !settled.has(cause) && !(goesRound && settledByV2.has(cause)));
  const configured: WorkingSettings = {
    url,
    ...(settings.isAws ? {} : { endpoint: settings.endpoint }),
    region: settings.region,
    addressing: settings.addressing ?? (settings.isAws ? 'virtual-host' : 'path'),
    signature: settings.signature,
    checksums: settings.checksums,
    expectContinue: settings.expectContinue,
  };
  const working: WorkingSettings = {
    ...configured,
    ...(line ? { region: line.region, addressing: line.style, signature: line.signature } : {}),
    ...(causes.includes('checksums') ? { checksums: 'when-required' } : {}),
    ...(causes.includes('expect') ? { expectContinue: false } : {}),
  };
  const keys = Object.keys(working) as (keyof WorkingSettings)[];
  return {
    schema: 'gabarit.store-diagnosis/1',
    url,
    endpoint: endpoint.href.replace(/\/$/, ''),
    probes,
    causes,
    works: line !== undefined && blocking.length === 0,
    settings: working,
    changes: keys.filter((key) => working[key] !== configured[key]),
    leftovers,
  };
}

/** The message with all its faults, in one line. */
function wordsOf({ message, faults }: AppError): string {
  return [message, ...faults.map((fault) => fault.message)].join('; ');
}
