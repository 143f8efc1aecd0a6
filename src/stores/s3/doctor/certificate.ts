import { connect, type ConnectionOptions, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import type { StoreCause, StoreProbe } from '../../../model/store-diagnosis.ts';
import { errnoOf } from '../../../util/errors.ts';
import { portOf, type ReachOptions } from './reach.ts';

export interface TlsOptions extends ReachOptions {
  /** PEM of the authorities to trust instead of those of the host, and the file that it came from. */
  ca?: string | undefined;
  caFile?: string | undefined;
}

const soonDays = 14;
const dayMs = 24 * 3600 * 1000;

/** Whether TLS works as requests will use it; if not, which certificate is to blame, and why. */
export async function probeTls(options: TlsOptions): Promise<StoreProbe> {
  const probe = { id: 'tls', title: 'TLS' };
  const { endpoint } = options;
  if (endpoint.protocol === 'http:') {
    if (isLoopback(endpoint)) return { ...probe, status: 'skip', found: 'not spoken, and not needed on this host itself' };
    const hint = 'Use https if the server can: signatures protect no bytes that are read.';
    return { ...probe, status: 'warn', found: 'nothing is encrypted: who is on the way reads everything', hint };
  }
  const strict = await shake(options, {});
  if (strict.socket) {
    const { socket, protocol } = strict;
    const leaf = socket.getPeerCertificate();
    socket.destroy();
    const daysLeft = Math.floor((Date.parse(leaf.valid_to) - Date.now()) / dayMs);
    const found = `${protocol}, certificate of ${nameOf(leaf.subject)} by ${nameOf(leaf.issuer)}, valid for ${daysLeft} more ${daysLeft === 1 ? 'day' : 'days'}`;
    if (daysLeft >= soonDays) return { ...probe, status: 'pass', found };
    return { ...probe, status: 'warn', found, hint: 'Renew it now: when it ends, nothing is sent any more.' };
  }
  const { errno, message } = strict;
  return { ...probe, status: 'fail', ...(await explain(options, errno, message)) };
}

type Explanation = { cause: StoreCause; found: string; hint: string };

async function explain(options: TlsOptions, errno: string, message: string): Promise<Explanation> {
  const { endpoint, caFile } = options;
  // The handshake alone is repeated without trust, to look at what is not trusted. Nothing of ours is sent on that connection.
  const loose = await shake(options, { rejectUnauthorized: false, minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' });
  if (!loose.socket) {
    const isPlain = /wrong version number|packet length too long|http request/i.test(`${message} ${loose.message}`);
    if (isPlain)
      return {
        cause: 'not-tls',
        found: 'the port does not speak TLS',
        hint: `Is it meant to be http://${endpoint.host}? Or is TLS on another port?`,
      };
    return {
      cause: 'unreachable',
      found: `no TLS comes about (${errno}: ${message})`,
      hint: 'The log of the server, or of the proxy in front of it, may say why.',
    };
  }
  const { socket, protocol } = loose;
  const chain = chainOf(socket);
  socket.destroy();
  const [leaf] = chain;
  if (!leaf || protocol === 'TLSv1' || protocol === 'TLSv1.1') {
    const hint = 'Turn on TLS 1.2 or newer there, or put a proxy in front that speaks it; Gabarit never uses the old ones.';
    return { cause: 'tls-too-old', found: `the server speaks only ${protocol ?? 'an old protocol'}, which is broken`, hint };
  }
  const now = Date.now();
  const expired = chain.find(({ valid_to }) => Date.parse(valid_to) < now);
  if (errno === 'CERT_HAS_EXPIRED' && expired) {
    const ago = Math.floor((now - Date.parse(expired.valid_to)) / dayMs);
    const hint = 'Renew it on the server. Is the date of this host right?';
    return { cause: 'certificate-expired', found: `${describe(expired)} expired ${ago} days ago (${expired.valid_to})`, hint };
  }
  const early = chain.find(({ valid_from }) => Date.parse(valid_from) > now);
  if (errno === 'CERT_NOT_YET_VALID' && early) {
    const hint = 'Usually the clock of this host is behind: see timedatectl status.';
    return { cause: 'certificate-not-yet-valid', found: `${describe(early)} is not valid before ${early.valid_from}`, hint };
  }
  if (errno === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = (leaf.subjectaltname ?? nameOf(leaf.subject)).replaceAll(/(DNS|IP Address):/g, '');
    const hint = 'Use one of those names as "endpoint", or have a certificate made for this one.';
    return {
      cause: 'certificate-for-another-name',
      found: `${describe(leaf)} is for ${names}, not for ${endpoint.hostname}`,
      hint,
    };
  }
  const last = chain.at(-1) ?? leaf;
  const selfSigned = chain.length === 1 && sameName(leaf.issuer, leaf.subject);
  const complete = selfSigned || sameName(last.issuer, last.subject);
  const trusted = caFile === undefined ? 'by this host' : `by ${caFile}`;
  const authority = complete ? describe(last) : `the authority ${nameOf(last.issuer)}`;
  if (!complete && errno === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') {
    const hint = `If ${nameOf(last.issuer)} is an intermediate authority, the server must send its certificate along. If it is your own authority, name its PEM file as "ca" of this store.`;
    return {
      cause: 'certificate-chain-incomplete',
      found: `${describe(leaf)} is signed by ${nameOf(last.issuer)}, whose certificate is neither sent nor trusted ${trusted}`,
      hint,
    };
  }
  const found = selfSigned
    ? `${describe(leaf)} is signed by itself, and not trusted ${trusted}`
    : `${describe(leaf)} goes back to ${authority}, which is not trusted ${trusted}`;
  const hint =
    caFile === undefined
      ? `If it is your own authority: get its certificate as a PEM file from whoever runs it, compare the fingerprint, and name it as "ca" of this store.`
      : `Is ${caFile} the authority of this server? Ask whoever runs it for the right one, and compare the fingerprint.`;
  return { cause: 'certificate-unknown-authority', found: `${found} (${errno})`, hint };
}

interface Shaken {
  socket?: TLSSocket;
  protocol?: string | null;
  errno: string;
  message: string;
}

/** A handshake, and nothing after it. */
async function shake(options: TlsOptions, more: ConnectionOptions): Promise<Shaken> {
  const { endpoint, lookup, ca, timeoutMs, signal } = options;
  const hostname = endpoint.hostname.replaceAll(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port: portOf(endpoint),
      minVersion: 'TLSv1.2',
      ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
      ...(ca === undefined ? {} : { ca }),
      ...(lookup === undefined ? {} : { lookup }),
      ...more,
    });
    const fail = (errno: string, message: string): void => {
      socket.destroy();
      resolve({ errno, message });
    };
    socket.once('secureConnect', () => resolve({ socket, protocol: socket.getProtocol(), errno: '', message: '' }));
    socket.once('error', (error) => fail(errnoOf(error) ?? 'ECONNRESET', error.message));
    socket.once('close', () => fail('ECONNRESET', 'the connection was closed in the handshake'));
    socket.setTimeout(timeoutMs, () => fail('ETIMEDOUT', `no answer within ${timeoutMs / 1000} s`));
    signal.addEventListener('abort', () => fail('ECONNABORTED', 'cancelled'), { once: true });
  });
}

/** From the server's own certificate to the last that it sent. */
function chainOf(socket: TLSSocket): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (
    let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
    certificate?.fingerprint256 && !chain.some(({ fingerprint256 }) => fingerprint256 === certificate?.fingerprint256);
    certificate = certificate.issuerCertificate
  )
    chain.push(certificate);
  return chain;
}

type Name = DetailedPeerCertificate['subject'];

function nameOf(name: Name): string {
  const first = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
  return `"${first(name.CN) ?? first(name.O) ?? 'without a name'}"`;
}

function sameName(a: Name, b: Name): boolean {
  const textOf = (name: Name): string => JSON.stringify(Object.entries(name).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  return textOf(a) === textOf(b);
}

function describe({ subject, issuer, fingerprint256 }: DetailedPeerCertificate): string {
  const by = sameName(subject, issuer) ? '' : ` by ${nameOf(issuer)}`;
  return `the certificate of ${nameOf(subject)}${by} (SHA-256 ${fingerprint256})`;
}

export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
