import { isIP } from 'node:net';
import type { StoreCause } from '../../../model/store-diagnosis.ts';
import { type Difference, differenceIn, kindOf, saysWhatItSaw } from './answers.ts';
import { type Answer, ask, isDone, type Line, type Question, withV2 } from './ask.ts';
import { addressesOf } from './reach.ts';

/**
 * A signature that does not match has many causes, and servers have one word for all of them. So one thing after another is
 * varied, alone, until a request is believed; and what still fails then says the rest.
 */

export interface Explanation {
  cause: StoreCause;
  found: string;
  hint: string;
  /** The way on which requests are believed, when there is one. */
  line?: Line;
}

/** Requests at most, for names of hosts and regions that are only guessed. */
const maxGuesses = 12;

export async function explainMismatch(
  line: Line,
  greeting: Question,
  refused: Answer,
  clockOffsetMs: number,
): Promise<Explanation> {
  const believes = async (other: Line, question = greeting): Promise<boolean> => {
    const kind = kindOf(await ask(other, question));
    return kind === 'accepted' || kind === 'no-bucket' || kind === 'denied';
  };

  if (Math.abs(clockOffsetMs) > 60_000 && (await believes({ ...line, clockOffsetMs }))) {
    return { ...clockExplanation(clockOffsetMs, 'which this server calls a wrong signature'), line: { ...line, clockOffsetMs } };
  }
  const v2 = withV2(line);
  const v2Kind = line.signature === 'v2' ? 'version' : kindOf(await ask(v2, greeting));
  const v2Works = ['accepted', 'denied', 'no-bucket'].includes(v2Kind);
  const fallback = v2Works ? { line: v2 } : {};
  const difference = differenceIn(refused);
  if (difference) return { ...(await explainDifference(difference, line, believes)), ...fallback };
  for (const region of line.signature === 'v4' ? await regionsFor(v2Works ? v2 : undefined, line) : []) {
    if (!(await believes({ ...line, region }))) continue;
    const found = `the bucket is in the region "${region}", not "${line.region}", which this server calls a wrong signature`;
    return { cause: 'region', found, hint: `Set "region: ${region}".`, line: { ...line, region } };
  }
  if (saysWhatItSaw(refused)) {
    const found =
      'the server was asked exactly what was signed, and still finds another signature: the secret key is not the one of this access key';
    return { cause: 'secret-wrong', found, hint: secretHint };
  }
  if (line.endpoint.pathname !== '/' && (await believes({ ...line, signedWithoutPrefix: true }))) {
    const found = `a proxy takes "${line.endpoint.pathname}" away from the path, which is signed`;
    return { cause: 'path-rewritten', found, hint: pathHint, ...fallback };
  }
  for (const signedHost of line.signature === 'v4' ? await hostsFor(line) : []) {
    if (!(await believes({ ...line, signedHost }))) continue;
    return { cause: 'host-rewritten', found: hostFound(line, signedHost), hint: hostHint, ...fallback };
  }
  const service = await ask(line, { method: 'GET', service: true });
  if (isDone(service) || service.code === 'AccessDenied') {
    const found =
      'requests without a path are believed, those with the path of the bucket are not: a proxy changes the path or the query';
    return { cause: 'path-rewritten', found, hint: pathHint, ...fallback };
  }
  if (v2Works) {
    const found =
      'version 4 is not believed, but version 2, which covers neither Host nor region, is: the secret is right, and a proxy changes Host (or another signed header) on the way';
    return { cause: 'host-rewritten', found, hint: hostHint, ...fallback };
  }
  if (v2Kind === 'mismatch' || line.signature === 'v2') {
    const found = 'neither signature is believed, whatever else is varied: the secret key is not the one of this access key';
    return { cause: 'secret-wrong', found, hint: secretHint };
  }
  const found = `signature version 4 is not believed with any region or Host that was tried, and version 2 is not known there`;
  const hint =
    'Most likely the secret key is not the one of this access key; else a proxy changes Host or headers: try the endpoint without the proxy.';
  return { cause: 'signature-unexplained', found, hint };
}

const secretHint =
  'Compare the secret key where it comes from: cut off, a new line in it, of another endpoint, or rotated meanwhile?';
const hostHint =
  'Let the proxy pass the Host of the request on, with its port (nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On), or name the endpoint behind it.';
const pathHint =
  'Let the proxy pass the path on as it comes (nginx: proxy_pass without a path behind the host), or use an endpoint without one.';

export function clockExplanation(offsetMs: number, addition = ''): Omit<Explanation, 'line'> {
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  const which = offsetMs > 0 ? 'behind' : 'ahead of';
  return {
    cause: 'clock',
    found: `the clock of this host is ${minutes} min ${which} that of the server${addition === '' ? '' : `, ${addition}`}`,
    hint: 'Set the wrong one of the two clocks (timedatectl set-ntp true): more than 15 minutes are refused.',
  };
}

function hostFound({ endpoint }: Line, seen: string): string {
  return `a proxy changes Host: "${endpoint.host}" was sent and signed, and "${seen}" came to the server`;
}

async function explainDifference(
  difference: Difference,
  line: Line,
  believes: (line: Line) => Promise<boolean>,
): Promise<Explanation> {
  const { part, name, sent, seen } = difference;
  if (part === 'host') {
    const isProven = await believes({ ...line, signedHost: seen });
    return {
      cause: 'host-rewritten',
      found: `${hostFound(line, seen)}${isProven ? '; signed for that, it is believed' : ''}`,
      hint: hostHint,
    };
  }
  if (part === 'headers') return { cause: 'headers-changed', ...headersChanged(name ?? '', sent, seen) };
  return {
    cause: 'path-rewritten',
    found: `a proxy changes the ${part}: "${sent}" was signed, and "${seen}" came to the server`,
    hint: pathHint,
  };
}

export function headersChanged(name: string, sent: string, seen: string): { found: string; hint: string } {
  const what = seen === '' ? 'takes away' : `changes to "${seen}"`;
  return {
    found: `a proxy ${what} the header ${name}${seen === '' ? '' : `, which was sent as "${sent}"`}; it is signed`,
    hint: `Let the proxy pass ${name} on as it comes.`,
  };
}

/** Regions worth a try: the one that the bucket itself names, what the name of the endpoint says, and the defaults of servers. */
async function regionsFor(v2: Line | undefined, line: Line): Promise<string[]> {
  const located = v2 && (await ask(v2, { method: 'GET', query: { location: '' } }));
  const constraint = /<LocationConstraint[^>]*>([^<]+)</.exec(located?.body ?? '')?.[1];
  const labels = line.endpoint.hostname.split('.').slice(0, -1);
  const fromName = labels
    .map((label) => label.replace(/^s3-/, ''))
    .filter((label) => /^[a-z]+(-[a-z]+)*-?\d*$/.test(label) && label !== 's3');
  const all = [constraint, 'us-east-1', 'auto', 'garage', 'default', ...(isIP(line.endpoint.hostname) === 0 ? fromName : [])];
  return [...new Set(all.filter((region) => region !== undefined))]
    .filter((region) => region !== line.region)
    .slice(0, maxGuesses);
}

/** What proxies make of Host: without the port, with it, the address behind, localhost. */
async function hostsFor({ endpoint, lookup }: Line): Promise<string[]> {
  const { hostname, port, host } = endpoint;
  const found = await addressesOf(hostname, lookup);
  const names = [hostname, ...(Array.isArray(found) ? found : []), 'localhost', '127.0.0.1'];
  const ports = [...new Set([port, endpoint.protocol === 'https:' ? '443' : '80', '9000', '8080', '7480', '8000'])].filter(
    Boolean,
  );
  const all = [...names, ...ports.flatMap((number) => [hostname, 'localhost', '127.0.0.1'].map((name) => `${name}:${number}`))];
  return [...new Set(all)].filter((candidate) => candidate !== host).slice(0, maxGuesses);
}
