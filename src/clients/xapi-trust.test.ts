import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeXapi, type FakeXapiOptions, startXapi } from '../../test/fakes/xapi.ts';
import { needs } from '../../test/tools.ts';
import { type CertificatePins, openXapi, withXapi, type XapiOptions, type XapiTrust } from './xapi.ts';

describe.skipIf(needs('openssl'))('the certificate of a host', () => {
  let folder: string;
  let pool: FakeXapi;
  let kept: Map<string, string>;
  let asked: number;
  let pins: CertificatePins;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xapi-trust-'));
    kept = new Map();
    asked = 0;
    pins = { get: (host) => kept.get(host), set: (host, fingerprint) => void kept.set(host, fingerprint) };
  });

  afterEach(async () => {
    await pool.close();
    await rm(folder, { recursive: true });
  });

  async function start(options: FakeXapiOptions = {}): Promise<{ address: string; fingerprint: string }> {
    pool = await startXapi(folder, options);
    const [host] = pool.hosts;
    return { address: host?.address ?? '', fingerprint: host?.fingerprint ?? '' };
  }

  function trusting(trust: XapiTrust): XapiOptions {
    return {
      hosts: [pool.hosts[0]?.address ?? ''],
      credentials() {
        asked += 1;
        return Promise.resolve({ user: 'root', password: 'secret' });
      },
      trust,
    };
  }

  /** Whether a log-in works, and if not, with what it fails; the host must not have been told anything then. */
  async function logIn(trust: XapiTrust): Promise<unknown> {
    const calls = pool.log.length;
    const failure = await withXapi(trusting(trust), () => Promise.resolve(undefined)).catch((error: unknown) => error);
    if (failure !== undefined) expect(pool.log.slice(calls)).toEqual([]);
    return failure;
  }

  test('is kept at first use, and expected from then on', async () => {
    const { address, fingerprint } = await start();
    expect(await logIn({ pins })).toBeUndefined();
    expect(kept).toEqual(new Map([[address, fingerprint]]));
    expect(await logIn({ pins })).toBeUndefined();
  });

  test('that is another one than before is refused, and both are named', async () => {
    const { address, fingerprint } = await start();
    await logIn({ pins });
    await pool.changeCertificate(0);
    const seen = pool.hosts[0]?.fingerprint;
    expect(seen).not.toBe(fingerprint);
    expect(await logIn({ pins })).toMatchObject({
      code: 'TLS_UNTRUSTED',
      message: `The certificate of ${address} has changed: expected ${fingerprint}, but it showed ${seen}`,
      details: { expected: fingerprint, seen },
    });
    expect(kept.get(address)).toBe(fingerprint);
  });

  test('that changes under an open client is refused, too', async () => {
    const { fingerprint } = await start();
    const xapi = await openXapi(trusting({ pins }));
    await pool.changeCertificate(0);
    // What changes something goes over a new connection.
    const clone = xapi.call('SR.scan', 'OpaqueRef:any' as never);
    await expect(clone).rejects.toMatchObject({ code: 'TLS_UNTRUSTED', details: { expected: fingerprint } });
    await xapi.close();
  });

  test('may be refused by whoever keeps them', async () => {
    await start();
    const failure = await logIn({
      pins: {
        get: () => undefined,
        set: () => {
          throw new Error('the person said no');
        },
      },
    });
    expect(failure).toMatchObject({ message: expect.stringContaining('the person said no') });
  });

  test('is kept once for connections that are made at the same time, and for each host of a pool', async () => {
    await start({ hosts: 2 });
    const sets: string[] = [];
    const slow: CertificatePins = {
      get: (host) => kept.get(host),
      async set(host, fingerprint) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        sets.push(host);
        kept.set(host, fingerprint);
      },
    };
    const members = pool.hosts.map(({ address }) => address).toReversed();
    await withXapi({ ...trusting({ pins: slow }), hosts: members }, (xapi) =>
      Promise.all([xapi.all('VM'), xapi.all('SR'), xapi.all('host')]),
    );
    expect(sets).toEqual(members);
  });

  test('that nobody vouches for is refused without pins, and its fingerprint shown', async () => {
    const { fingerprint } = await start();
    expect(await logIn({})).toMatchObject({ code: 'TLS_UNTRUSTED', message: expect.stringContaining(fingerprint) });
    expect(asked).toBeLessThanOrEqual(1);
  });

  test('may be written down by a person, in any usual form', async () => {
    const { fingerprint } = await start();
    expect(await logIn({ fingerprints: [fingerprint] })).toBeUndefined();
    expect(
      await logIn({ fingerprints: ['00'.repeat(32), `sha256:${fingerprint.replaceAll(':', '').toLowerCase()}`] }),
    ).toBeUndefined();
    expect(await logIn({ fingerprints: ['00'.repeat(32)], pins })).toMatchObject({ code: 'TLS_UNTRUSTED' });
    expect(kept.size).toBe(0);
  });

  test('is vouched for by a CA of the pool’s own, for its address, and by nobody else', async () => {
    await start({ certificates: 'ca' });
    const ca = pool.ca ?? '';
    expect(await logIn({ ca })).toBeUndefined();
    await pool.changeCertificate(0);
    expect(await logIn({ ca, pins })).toMatchObject({
      code: 'TLS_UNTRUSTED',
      message: expect.stringContaining('The CA of this pool does not vouch'),
    });
    expect(kept.size).toBe(0);
  });

  test('of a CA must be for the address that is asked', async () => {
    const { address } = await start({ certificates: 'ca' });
    const port = address.split(':')[1];
    const failure = await withXapi({ ...trusting({ ca: pool.ca ?? '' }), hosts: [`localhost:${port}`] }, () =>
      Promise.resolve(),
    ).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'TLS_UNTRUSTED', message: expect.stringMatching(/localhost/) });
  });
});
