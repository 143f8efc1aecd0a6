import { readFile } from 'node:fs/promises';
import { fromIni, fromNodeProviderChain, fromWebToken } from '@aws-sdk/credential-providers';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { z } from 'zod';
import type { CredentialSettings } from '../../model/store-settings.ts';
import { readCredential, readCredentials } from '../../util/credential.ts';
import { AppError, toAppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';
import { registerSecret } from '../../util/redact.ts';

/** What requests are signed with. */
export interface Identity {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
  expiration?: Date | undefined;
}

export interface CredentialContext {
  environment: Readonly<NodeJS.ProcessEnv>;
  region: string | undefined;
  /** How the token service is reached. */
  requestHandler: NodeHttpHandler;
}

/**
 * Reads the credentials from where the configuration says they lie, anew each time, so that rotated ones are found.
 * @throws AppError CONFIG_INVALID, saying where was looked
 */
export async function readIdentity(settings: CredentialSettings, context: CredentialContext): Promise<Identity> {
  const identity = await find(settings, context);
  for (const secret of [identity.secretAccessKey, identity.sessionToken]) if (secret) registerSecret(secret);
  return identity;
}

async function find(settings: CredentialSettings, context: CredentialContext): Promise<Identity> {
  if (settings === 'environment') return fromSurroundings(context);
  if ('accessKey' in settings) {
    const { accessKey, secretKey, sessionToken } = settings;
    const wanted = [accessKey, secretKey, ...(sessionToken === undefined ? [] : [sessionToken])];
    const [accessKeyId = '', secretAccessKey = '', token] = await readCredentials(wanted, context.environment);
    return { accessKeyId, secretAccessKey, sessionToken: token };
  }
  if ('profile' in settings) {
    const { profile } = settings;
    return fromIni({ profile, ignoreCache: true })().catch((cause: unknown) => {
      throw missing(
        `The AWS profile "${profile}" gives no credentials`,
        cause,
        'Look into ~/.aws/config and ~/.aws/credentials.',
      );
    });
  }
  if ('process' in settings) return fromCommand(settings.process);
  return fromToken(settings.webIdentity, context);
}

async function fromSurroundings({ environment, region, requestHandler }: CredentialContext): Promise<Identity> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = environment;
  if (accessKeyId && secretAccessKey)
    return { accessKeyId, secretAccessKey, sessionToken: sessionToken === '' ? undefined : sessionToken };
  try {
    return await fromNodeProviderChain({
      clientConfig: { ...(region === undefined ? {} : { region }), requestHandler },
      ignoreCache: true,
    })();
  } catch (cause) {
    throw missing(
      'There are no credentials for S3',
      cause,
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, make an AWS profile, or name them in the configuration (stores: NAME: credentials:).',
    );
  }
}

const processOutput = z.object({
  Version: z.literal(1),
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  SessionToken: z.string().optional(),
  Expiration: z.iso.datetime({ offset: true }).optional(),
});

/** A command that prints credentials as JSON, as AWS tools know it (`credential_process`). */
async function fromCommand(argv: string[]): Promise<Identity> {
  const name = argv[0] ?? '';
  let printed = '';
  try {
    printed = (await exec(argv, { timeoutMs: 60_000 })).stdout;
  } catch (error) {
    // What it printed may be a secret: it goes into no error.
    if (error instanceof AppError && error.code === 'COMMAND_FAILED')
      throw missing(`The command ${name} gave no credentials: it failed`);
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(printed);
  } catch {
    throw missing(`The command ${name} gave no credentials: what it printed is not JSON`);
  }
  const parsed = processOutput.safeParse(value);
  if (!parsed.success) {
    const places = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
    throw missing(
      `The command ${name} gave no credentials: ${places || 'it is no object'} is not right`,
      undefined,
      'Version must be 1.',
    );
  }
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = parsed.data;
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration === undefined ? undefined : new Date(Expiration),
  };
}

type WebIdentity = Extract<CredentialSettings, { webIdentity: unknown }>['webIdentity'];

/** Exchanges the token of a CI system or a cluster for credentials of a role (STS AssumeRoleWithWebIdentity). */
async function fromToken({ roleArn, tokenFile, stsEndpoint }: WebIdentity, context: CredentialContext): Promise<Identity> {
  const webIdentityToken = await readCredential(`file:${tokenFile}`, context.environment);
  const region = context.region ?? 'us-east-1';
  try {
    return await fromWebToken({
      roleArn,
      webIdentityToken,
      roleSessionName: 'gabarit',
      clientConfig: {
        region,
        requestHandler: context.requestHandler,
        ...(stsEndpoint === undefined ? {} : { endpoint: stsEndpoint }),
      },
    })();
  } catch (cause) {
    const error = toAppError(cause, 'CONFIG_INVALID', `The role ${roleArn} is not given for the token in ${tokenFile}`);
    throw error.code === 'CONFIG_INVALID'
      ? missing(error.message, cause, 'Its trust policy must name the issuer and the subject of the token.')
      : error;
  }
}

function missing(message: string, cause?: unknown, hint?: string): AppError {
  return new AppError('CONFIG_INVALID', message, { cause, ...(hint === undefined ? {} : { hint }) });
}

/** The authorities to trust, when they are not those of the host. @throws AppError CONFIG_INVALID */
export async function readAuthorities(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readFile(path, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  } catch (cause) {
    throw missing(`The certificate authorities in ${path} cannot be read`, cause);
  }
  throw missing(`There is no certificate in ${path}`, undefined, 'It must be a PEM file.');
}
