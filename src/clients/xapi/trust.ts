import { getCACertificates, type TLSSocket } from 'node:tls';
import { AppError } from '../../util/errors.ts';
import { formatHost, type HostAddress } from './host-address.ts';

/** Where the caller keeps which certificate it has seen at which host. */
export interface CertificatePins {
  /** The fingerprint that was kept for `address:port`. */
  get(host: string): Promise<string | undefined> | string | undefined;
  /** Keeps a fingerprint at first use, and shows it to the person; called before anything is sent. Throws to refuse. */
  set(host: string, fingerprint: string): Promise<void> | void;
}

/** Who vouches for the hosts of a pool. Without any of these: the CAs of this system. */
export interface XapiTrust {
  /** A PEM bundle: only these CAs, and nothing else, vouch for the hosts. */
  ca?: string;
  /** SHA-256 fingerprints (`AB:CD:...`) that a person wrote down: a host shows one of them. */
  fingerprints?: readonly string[];
  /** Trust on first use, for hosts for which no CA of this system vouches. */
  pins?: CertificatePins;
}

/** Decides about the certificate of each new connection, and remembers what was decided about a host. */
export interface TrustKeeper {
  /** The CAs to connect with. */
  ca: string[];
  /** @throws AppError TLS_UNTRUSTED before a byte of ours is sent */
  check(socket: TLSSocket, host: HostAddress): Promise<void>;
}

function normal(fingerprint: string): string {
  const digits = fingerprint
    .replace(/^sha256:/i, '')
    .replaceAll(/[^0-9a-f]/gi, '')
    .toUpperCase();
  return digits.match(/../g)?.join(':') ?? '';
}

let systemCas: string[] | undefined;

export function openTrust(trust: XapiTrust): TrustKeeper {
  systemCas ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  const decided = new Map<string, Promise<string | undefined>>();

  /** The fingerprint that `host` must show, after asking the pins and, at first use, telling them. */
  const pinOf = async (host: string, seen: string, vouched: boolean): Promise<string | undefined> => {
    const kept = await trust.pins?.get(host);
    if (kept !== undefined) return normal(kept);
    if (vouched) return undefined;
    if (trust.pins === undefined) throw unknown(host, seen);
    await trust.pins.set(host, seen);
    return seen;
  };

  return {
    ca: trust.ca === undefined ? systemCas : [trust.ca],
    async check(socket, address) {
      const host = formatHost(address);
      const seen = normal(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      if (seen === '') throw new AppError('TLS_UNTRUSTED', `${host} showed no certificate`);
      if (trust.ca !== undefined) {
        if (!socket.authorized) throw notVouched(host, seen, socket.authorizationError);
      } else if (trust.fingerprints !== undefined) {
        if (!trust.fingerprints.map(normal).includes(seen))
          throw changed(host, trust.fingerprints.map(normal).join(' or '), seen);
      } else {
        // Connections that are made at the same time wait for one decision; a refusal is not kept.
        const deciding = decided.get(host) ?? pinOf(host, seen, socket.authorized);
        decided.set(host, deciding);
        const pinned = await deciding.catch((error: unknown) => {
          decided.delete(host);
          throw error;
        });
        if (pinned !== undefined && pinned !== seen) throw changed(host, pinned, seen);
        if (pinned === undefined && !socket.authorized) throw unknown(host, seen);
      }
    },
  };
}

function changed(host: string, expected: string, seen: string): AppError {
  return new AppError('TLS_UNTRUSTED', `The certificate of ${host} has changed: expected ${expected}, but it showed ${seen}`, {
    hint: 'Nothing was sent. Compare with the fingerprint on the host itself; only if it is right, forget the old one.',
    details: { expected, seen },
  });
}

function unknown(host: string, seen: string): AppError {
  return new AppError('TLS_UNTRUSTED', `Nobody vouches for the certificate of ${host}: ${seen}`, {
    hint: 'Nothing was sent. Compare with the fingerprint on the host itself, and write it into the configuration.',
    details: { seen },
  });
}

function notVouched(host: string, seen: string, reason: unknown): AppError {
  const why = reason instanceof Error ? reason.message : String(reason);
  return new AppError('TLS_UNTRUSTED', `The CA of this pool does not vouch for the certificate of ${host} (${why}): ${seen}`, {
    hint: 'Nothing was sent. Sign the certificate of the host with that CA for this address, or name the right CA.',
    details: { seen },
  });
}
