import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type SignableRequest, signV2 } from '../../clients/sigv2.ts';
import type { StoreContext } from '../../model/store.ts';
import { defaultStoreSettings, type StoreSettings } from '../../model/store-settings.ts';
import { AppError, errorTable, isCancellation } from '../../util/errors.ts';
import { retry } from '../../util/retry.ts';
import type { Address } from './address.ts';
import { type Identity, readAuthorities, readIdentity } from './credentials.ts';
import { faultOf, type Operation } from './faults.ts';
import { failureOf, isAboutCredentials, isTransient } from './transient.ts';

/** What is known of a store before anything is asked. */
export interface Settings extends Omit<StoreSettings, 'url' | 'endpoint' | 'region'>, Address {
  /** For messages: `https://s3.example:8443`, or `AWS`. */
  endpoint: string;
  isAws: boolean;
  region: string;
}

/** The way to an endpoint: requests that are repeated when that helps, and fail in plain words. */
export interface Connection {
  settings: Settings;
  /** Sends one request, several times when it must be. `send` is called anew for each attempt, and makes its body anew. */
  call<T>(operation: Operation, send: (client: S3Client, http: HttpOptions) => Promise<T>, options?: CallOptions): Promise<T>;
}

/** What each request is sent with. */
export interface HttpOptions {
  abortSignal?: AbortSignal;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** For answers that are one: thrown on as they are, without another attempt. */
  isAnswer?: (error: unknown) => boolean;
}

/** While the endpoint never answered: about 3 s. When it did, it is waited for: more than half a minute, less than two. */
const attemptsAtFirst = 4;
const attemptsLater = 16;
/** Credentials are renewed when they end within this time. */
const renewBeforeMs = 60_000;
const connectTimeoutMs = 10_000;
const silenceTimeoutMs = 60_000;

/** The SDK would print what is dealt with here. */
const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function settingsOf(address: Address, { settings, environment, limit }: StoreContext): Settings {
  const { endpoint: given, region, ...rest } = settings ?? defaultStoreSettings(address.url);
  const set = (name: string): string | undefined => environment[name] || undefined;
  const endpoint = given ?? set('AWS_ENDPOINT_URL_S3') ?? set('AWS_ENDPOINT_URL');
  return {
    ...rest,
    limit: limit ?? rest.limit,
    ...address,
    endpoint: endpoint ?? 'AWS',
    isAws: endpoint === undefined,
    region: region ?? set('AWS_REGION') ?? set('AWS_DEFAULT_REGION') ?? 'us-east-1',
  };
}

/** @throws AppError CONFIG_INVALID when the environment turns the check of certificates off, or the settings exclude each other */
export function connect(settings: Settings, { environment, emit }: StoreContext): Connection {
  if (environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    throw new AppError(
      'CONFIG_INVALID',
      'NODE_TLS_REJECT_UNAUTHORIZED=0 turns off the check of certificates: nothing is sent so',
      {
        hint: 'Unset it; with a private authority, name its PEM file as "ca" of the store in the configuration.',
      },
    );
  }
  const { endpoint, isAws, signature } = settings;
  const pathStyle = settings.addressing === undefined ? !isAws : settings.addressing === 'path';
  if (signature === 'v2' && !pathStyle) {
    throw new AppError('CONFIG_INVALID', `Signature version 2 needs "addressing: path" (store ${settings.url})`);
  }
  const warn = (message: string): void => emit({ type: 'log', level: 'warn', message });
  if (signature === 'v2') {
    warn(
      `${settings.url} is signed with version 2: it covers neither what is sent nor where to. Use it only where version 4 cannot work.`,
    );
  }
  if (endpoint.startsWith('http:') && !isLoopback(endpoint)) {
    warn(`${endpoint} is not encrypted: who is on the way can read everything, and change what is not signed.`);
  }

  let requestHandler: NodeHttpHandler | undefined;
  let current: { client: S3Client; identity: Identity } | undefined;
  let opening: Promise<S3Client> | undefined;
  let hasAnswered = false;
  let hasWorked = false;

  async function handler(): Promise<NodeHttpHandler> {
    const ca = await readAuthorities(settings.ca);
    const agent = { keepAlive: true, maxSockets: 64 };
    requestHandler ??= new NodeHttpHandler({
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({
        ...agent,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
      }),
      connectionTimeout: connectTimeoutMs,
      socketTimeout: silenceTimeoutMs,
    });
    return requestHandler;
  }

  async function open(): Promise<S3Client> {
    const http = await handler();
    const { region, credentials } = settings;
    const identity = await readIdentity(credentials, { environment, region, requestHandler: http });
    current = { client: new S3Client(clientConfig(identity, http)), identity };
    return current.client;
  }

  function clientConfig(identity: Identity, http: NodeHttpHandler): S3ClientConfig {
    const checksums = settings.checksums === 'always' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
    const { accessKeyId, secretAccessKey, sessionToken } = identity;
    return {
      ...(isAws ? {} : { endpoint }),
      region: settings.region,
      forcePathStyle: pathStyle,
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
      // Repeating is done here, where credentials can be read anew and a body made anew.
      maxAttempts: 1,
      requestChecksumCalculation: checksums,
      responseChecksumValidation: checksums,
      expectContinueHeader: settings.expectContinue,
      requestHandler: http,
      logger: silent,
      ...(signature === 'v2' ? { signer: signerV2(identity) } : {}),
    };
  }

  async function clientNow(): Promise<S3Client> {
    const endsMs = current?.identity.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (current && endsMs - Date.now() > renewBeforeMs) return current.client;
    opening ??= open().finally(() => (opening = undefined));
    return opening;
  }

  /** Reads the credentials anew; says whether they are others than those of the client that was refused. */
  async function renew(refused: S3Client): Promise<boolean> {
    if (current && current.client !== refused) return true;
    const before = current?.identity;
    current = undefined;
    await clientNow();
    const after = (current as { identity: Identity } | undefined)?.identity;
    return (
      after?.accessKeyId !== before?.accessKeyId ||
      after?.secretAccessKey !== before?.secretAccessKey ||
      after?.sessionToken !== before?.sessionToken
    );
  }

  async function call<T>(
    operation: Operation,
    send: (client: S3Client, http: HttpOptions) => Promise<T>,
    { signal, isAnswer }: CallOptions = {},
  ): Promise<T> {
    let vainRenewals = 0;
    let clockWasCorrected = false;
    let said = false;
    const http = signal === undefined ? {} : { abortSignal: signal };
    const attempt = async (): Promise<T> => {
      const client = await clientNow();
      try {
        const result = await send(client, http);
        hasAnswered = true;
        hasWorked = true;
        return result;
      } catch (error) {
        if (isCancellation(error) || signal?.aborted) throw new AppError('CANCELLED', 'Cancelled', { cause: error });
        if (error instanceof AppError && !errorTable[error.code].retry) throw error;
        const failure = failureOf(error);
        hasAnswered ||= failure.status !== undefined;
        if (isAnswer?.(error)) throw error;
        if (isAboutCredentials(failure)) {
          if (await renew(client)) throw again(error);
          // The same ones again: when it worked before, whoever rotates them may not be ready yet.
          vainRenewals += 1;
          if (hasWorked && vainRenewals < 4) throw again(error);
        }
        if (failure.clockCorrected && !clockWasCorrected) {
          clockWasCorrected = true;
          throw again(error);
        }
        if (isTransient(failure)) throw again(error);
        throw error;
      }
    };
    try {
      return await retry(attempt, {
        attempts: attemptsLater,
        delayMs: 250,
        maxDelayMs: 8000,
        signal,
        retryable: (error) => error instanceof Again,
        onRetry(error, count) {
          if (!hasAnswered && count >= attemptsAtFirst) throw error;
          if (count < 3 || said) return;
          said = true;
          warn(`${endpoint} fails (${failureOf(unwrap(error)).name}); trying again`);
        },
      });
    } catch (error) {
      const reason = unwrap(error);
      if (isCancellation(reason)) throw new AppError('CANCELLED', 'Cancelled', { cause: reason });
      throw isAnswer?.(reason) ? reason : faultOf(reason, operation, settings);
    }
  }

  return { settings, call };
}

/** Worth another attempt. */
class Again extends Error {}

function again(cause: unknown): Again {
  return new Again('again', { cause });
}

function unwrap(error: unknown): unknown {
  return error instanceof Again ? error.cause : error;
}

function isLoopback(endpoint: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(endpoint).hostname);
}

/** The SDK knows version 4 only; it hands the corrected time in, and sends what comes back. */
function signerV2(identity: Identity): NonNullable<S3ClientConfig['signer']> {
  const sign = async (request: unknown, { signingDate }: { signingDate?: Date | string | number } = {}): Promise<unknown> =>
    signV2(request as SignableRequest, identity, signingDate === undefined ? new Date() : new Date(signingDate));
  return { sign } as NonNullable<S3ClientConfig['signer']>;
}
