import { lookup } from 'node:dns/promises';
import { request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { AppError } from '../util/errors.ts';

/**
 * Requests to URLs that people give. The name is resolved once, every address that it has is judged, and the connection goes to exactly one of
 * those: a second answer of the name server changes nothing. Redirects are not followed.
 */

/** Addresses of nobody's server: this host, private and special networks (RFC 6890 and later), and what hides an IPv4 address in an IPv6 one. */
const inward: [address: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];
/** Where clouds give out credentials: never, whatever is allowed. */
const metadata: [address: string, prefix: number][] = [
  ['169.254.0.0', 16],
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
  ['fd00:ec2::', 32],
  ['fd20:ce::', 32],
  ['fe80::', 10],
];

/** One list for each family: node's own would find every IPv4 address in `::ffff:0:0/96`. */
interface Networks {
  v4: BlockList;
  v6: BlockList;
}

function listOf(networks: readonly [string, number][]): Networks {
  const lists = { v4: new BlockList(), v6: new BlockList() };
  for (const [address, prefix] of networks) {
    if (isIPv6(address)) lists.v6.addSubnet(address, prefix, 'ipv6');
    else lists.v4.addSubnet(address, prefix, 'ipv4');
  }
  return lists;
}

const inwardList = listOf(inward);
const metadataList = listOf(metadata);

export interface GuardOptions {
  /** Private networks (`10.1.0.0/16`) that an admin allows. */
  allow?: readonly string[] | undefined;
  /** For tests. */
  resolve?: ((host: string) => Promise<string[]>) | undefined;
}

export interface PinnedUrl {
  url: URL;
  /** The one that is connected to. */
  address: string;
}

const has = ({ v4, v6 }: Networks, address: string): boolean =>
  isIPv6(address) ? v6.check(address, 'ipv6') : v4.check(address, 'ipv4');

/** The IPv4 address that an IPv6 address stands for (mapped, NAT64, 6to4), or undefined. */
function embedded(address: string): string | undefined {
  if (!isIPv6(address)) return undefined;
  // URL writes it in its one shortest form.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const words = expand(text);
  const dotted = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const [a = 0, b = 0, c = 0] = words;
  if (a === 0x2002) return dotted(b, c);
  const isMapped = words.slice(0, 5).every((word) => word === 0) && (words[5] === 0xffff || words[5] === 0);
  const isNat64 = a === 0x64 && b === 0xff9b;
  return isMapped || isNat64 ? dotted(words[6] ?? 0, words[7] ?? 0) : undefined;
}

function expand(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const parse = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Why an address may not be connected to, or undefined. */
export function addressFault(address: string, { allow = [] }: GuardOptions = {}): string | undefined {
  if (isIP(address) === 0) return 'is no address';
  const forms = [address, embedded(address)].filter((form) => form !== undefined);
  if (forms.some((form) => has(metadataList, form))) return 'is where a cloud gives out credentials';
  const allowed = listOf(
    allow.map((network) => [network.slice(0, network.lastIndexOf('/')), Number(network.slice(network.lastIndexOf('/') + 1))]),
  );
  const isInward = (form: string): boolean => has(inwardList, form) && !has(allowed, form);
  // A mapped address is one only because of its form: what counts is the address in it.
  const judged = forms.length === 2 && forms.some((form) => has(allowed, form)) ? [] : forms;
  return judged.some(isInward) ? 'lies in a private or special network' : undefined;
}

/** Resolves a URL and judges where it leads. @throws AppError USAGE */
export async function pinUrl(text: string, options: GuardOptions = {}): Promise<PinnedUrl> {
  const url = URL.parse(text);
  const refuse = (why: string): AppError =>
    new AppError('USAGE', `${JSON.stringify(text.slice(0, 200))} ${why}`, {
      hint: 'Give an https:// URL of a public host; an admin allows private networks: server.allowNetworks.',
    });
  if (!url) throw refuse('is no URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('is no https or http URL');
  if (url.username !== '' || url.password !== '') throw refuse('holds a user name or password');
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const addresses = isIP(host) !== 0 ? [host] : await (options.resolve ?? resolveAll)(host).catch(() => [] as string[]);
  const [address] = addresses;
  if (address === undefined) throw refuse('has no address');
  for (const each of addresses) {
    const fault = addressFault(each, options);
    if (fault !== undefined) throw refuse(`leads to ${each}, which ${fault}`);
  }
  return { url, address };
}

async function resolveAll(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

export interface GuardedAnswer {
  status: number;
  body: string;
}

const mostBytes = 64 * 1024;

/** Sends one request. What comes back is cut off at 64 KiB. @throws AppError USAGE; TARGET_UNREACHABLE, TIMEOUT */
export async function guardedPost(
  text: string,
  body: string,
  headers: Record<string, string>,
  { signal, timeoutMs = 10_000, ...guard }: GuardOptions & { signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<GuardedAnswer> {
  const { url, address } = await pinUrl(text, guard);
  const family = isIPv6(address) ? 6 : 4;
  const options: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    // Node asks here for the address, for names and (with `all`) in its own form.
    lookup: (_host, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family)),
    agent: false,
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
  };
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new AppError(
          error.name === 'TimeoutError' || error.name === 'AbortError' ? 'TIMEOUT' : 'TARGET_UNREACHABLE',
          `${url.host} ${error.name === 'AbortError' ? 'does not answer in time' : `cannot be reached: ${error.message}`}`,
          { cause: error },
        ),
      );
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        answer += part;
        if (answer.length > mostBytes) response.destroy();
      });
      response.once('close', () => resolve({ status: response.statusCode ?? 0, body: answer.slice(0, mostBytes) }));
      response.on('error', () => undefined);
    });
    request.once('error', fail);
    request.end(body);
  });
}
