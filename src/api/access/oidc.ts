import * as client from 'openid-client';
import { pinUrl } from '../../clients/guarded-fetch.ts';
import type { Grant } from '../../model/api/access.ts';
import type { OidcSettings } from '../../model/server-settings.ts';
import { AppError } from '../../util/errors.ts';
import { readCookie } from '../http/cookie.ts';
import type { Sealer } from '../sealed-text.ts';
import type { Users } from './users.ts';

/** Logging in at an OpenID provider: authorization code with PKCE, state and nonce. What somebody may do follows from the groups that the provider names. */
export interface Oidc {
  title: string;
  /** Where to send the browser, and what to keep in its cookie until it comes back. */
  start(): Promise<{ url: string; state: string }>;
  /** Returns the user who has logged in. @throws AppError NOT_LOGGED_IN, FORBIDDEN when he may nothing here */
  finish(url: string, cookies: string | undefined, cookie: string): Promise<string>;
}

const record = 'oidc';
const minutes = 10;

export interface OidcParts {
  settings: OidcSettings;
  secret: string | undefined;
  /** Of this server: `https://gabarit.example`. */
  origin: () => string;
  users: Users;
  sealer: Sealer;
  now?: () => Date;
}

interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  at: number;
}

export function openOidc({ settings, secret, origin, users, sealer, now = () => new Date() }: OidcParts): Oidc {
  let found: Promise<client.Configuration> | undefined;
  const issuer = new URL(settings.issuer);
  const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(issuer.hostname);
  if (issuer.protocol !== 'https:' && !isLoopback) {
    throw new AppError('CONFIG_INVALID', `server.oidc.issuer: ${settings.issuer} must be https`, {
      hint: 'Only a provider on this host may be http.',
    });
  }

  /** Asked again when it failed: the provider may be down when the server starts. */
  async function configuration(): Promise<client.Configuration> {
    found ??= client
      .discovery(issuer, settings.clientId, secret, secret === undefined ? client.None() : client.ClientSecretBasic(secret), {
        ...(isLoopback ? { execute: [client.allowInsecureRequests] } : {}),
        [client.customFetch]: guardedFetch,
        timeout: 10,
      })
      .catch((cause: unknown) => {
        found = undefined;
        throw new AppError('TARGET_UNREACHABLE', `The OpenID provider ${settings.issuer} does not answer as one`, {
          cause,
          hint: 'Look whether it runs, and whether server.oidc.issuer is right.',
        });
      });
    return found;
  }

  const redirect = (): string => `${origin()}/api/v1/session/oidc/callback`;

  return {
    title: settings.title,
    async start() {
      const config = await configuration();
      const pending: Pending = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        verifier: client.randomPKCECodeVerifier(),
        at: now().getTime(),
      };
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: redirect(),
        scope: settings.scopes.join(' '),
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: 'S256',
      });
      const sealed = Buffer.from(sealer.seal(JSON.stringify(pending), record), 'base64').toString('base64url');
      return { url: url.href, state: sealed };
    },
    async finish(url, cookies, cookie) {
      const refused = (cause?: unknown): AppError =>
        new AppError('NOT_LOGGED_IN', 'The login at the OpenID provider did not succeed', { cause, hint: 'Try again.' });
      const pending = readPending(sealer, readCookie(cookies, cookie));
      if (!pending || now().getTime() - pending.at > minutes * 60_000) throw refused();
      const config = await configuration();
      let claims: Record<string, unknown>;
      try {
        const answer = await client.authorizationCodeGrant(config, new URL(url, `${origin()}/`), {
          pkceCodeVerifier: pending.verifier,
          expectedState: pending.state,
          expectedNonce: pending.nonce,
          idTokenExpected: true,
        });
        claims = { ...answer.claims() };
        // Providers may keep the groups for the endpoint that tells about the user.
        if (claims[settings.groupsClaim] === undefined && config.serverMetadata().userinfo_endpoint !== undefined) {
          claims = { ...(await client.fetchUserInfo(config, answer.access_token, String(claims['sub']))), ...claims };
        }
      } catch (error) {
        throw refused(error);
      }
      const grants = grantsOf(settings, claims[settings.groupsClaim]);
      const name = nameOf(claims[settings.nameClaim]) ?? nameOf(claims['email']);
      if (grants.length === 0 || name === undefined) {
        throw new AppError('FORBIDDEN', `${name ?? 'This user'} may do nothing here`, {
          hint: 'server.oidc.groups says which groups may.',
        });
      }
      const user = await users.ofSubject(`${issuer.href} ${String(claims['sub'])}`, name, grants);
      if (user === undefined) throw new AppError('FORBIDDEN', `${name} was locked out`);
      return user;
    },
  };
}

function readPending(sealer: Sealer, cookie: string | undefined): Pending | undefined {
  if (cookie === undefined) return undefined;
  try {
    return JSON.parse(sealer.open(Buffer.from(cookie, 'base64url').toString('base64'), record)) as Pending;
  } catch {
    return undefined; // Made up, or of another server.
  }
}

function grantsOf({ groups }: OidcSettings, claim: unknown): Grant[] {
  const member = Array.isArray(claim) ? claim.map(String) : typeof claim === 'string' ? [claim] : [];
  return member.flatMap((group) => (Object.hasOwn(groups, group) ? (groups[group] ?? []) : []));
}

/** A name as our users have: `Anna.Berg@corp.example` is anna.berg. */
function nameOf(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const name = claim
    .toLowerCase()
    .replace(/@.*$/, '')
    .replaceAll(/[^a-z0-9._-]/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? undefined : name;
}

/** An admin names the provider: it may lie in a private network, but never where clouds give out credentials. */
async function guardedFetch(url: string, options: client.CustomFetchOptions): Promise<Response> {
  await pinUrl(url, { allow: ['0.0.0.0/0', '::/0'] });
  return fetch(url, { ...options, redirect: 'error' } as RequestInit);
}
