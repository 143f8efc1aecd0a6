import type { accessContract, Me } from '../../model/api/access.ts';
import type { Contract } from '../../model/api/contract-type.ts';
import { AppError } from '../../util/errors.ts';
import { may, notAPerson } from '../access/caller.ts';
import type { Caller } from '../access/caller.ts';
import { mustBeStrong } from '../access/password-strength.ts';
import { longest } from '../access/sessions.ts';
import { cookieName, setCookie } from '../http/cookie.ts';
import type { Parts } from '../parts.ts';
import type { ApiRequest, Handlers } from '../route.ts';
import { addressOf } from '../server.ts';

type Part<Prefix extends string> = {
  [K in keyof typeof accessContract as K extends `${string} ${Prefix}${string}` ? K : never]: (typeof accessContract)[K];
};
type AccessHandlers<C> = C extends Contract ? Handlers<C> : never;

function meOf({ name, kind, grants, limits, by, expires }: Caller): Me {
  return { name, kind, grants: limits ?? grants, by, expires: expires.toISOString() };
}

/** Logging in and out. */
export function sessionRoutes({ app, audit, users, sessions, lockout, origins, oidc }: Parts): AccessHandlers<Part<'/se'>> {
  const name = cookieName(origins.isSecure);
  const { isSecure } = origins;

  /** Who has the page alone can publish, too: what is published is signed. */
  async function haveSigningKey(user: string): Promise<void> {
    if (await app.keys.signingKey()) return;
    const { name: key = '' } = await app.keys.make();
    const made = await app.keys.signingKey();
    const on = { user, key, fingerprint: made?.public.id ?? '' };
    await audit.add({ who: 'gabarit', by: 'server', action: 'signingKey.made', on, outcome: 'done' });
  }

  /** A new session; the one before, if there was one, ends: its id may be known to somebody. */
  async function enter(
    user: string,
    { reply, caller }: { reply: ApiRequest<never>['reply']; caller: Caller | undefined },
  ): Promise<Me> {
    if (caller?.by === 'session') await sessions.close(caller.id);
    const { secret } = await sessions.open(user);
    void reply.header('set-cookie', setCookie(name, secret, { isSecure, maxAge: longest.hours * 3600 }));
    return meOf((await sessions.find(secret)) as Caller);
  }
  const leave = ({ reply }: { reply: ApiRequest<never>['reply'] }): void => {
    void reply.header('set-cookie', setCookie(name, '', { isSecure, maxAge: 0 })).header('clear-site-data', '"cache", "storage"');
  };

  return {
    async 'POST /setup'({ body, reply, caller, about }) {
      about({ user: body.name });
      await mustBeStrong(body.password, body.name);
      await users.setUp(body.token, body.name, body.password);
      await haveSigningKey(body.name);
      return enter(body.name, { reply, caller });
    },
    async 'POST /session'({ body, reply, raw, caller, about }) {
      const address = addressOf(raw);
      about({ user: body.name });
      lockout.check(body.name, address);
      if (!(await users.isRight(body.name, body.password))) {
        lockout.wrong(body.name, address);
        throw new AppError('NOT_LOGGED_IN', 'Name or password is wrong');
      }
      lockout.right(body.name, address);
      return enter(body.name, { reply, caller });
    },
    'GET /session': ({ caller }) => meOf(caller),
    async 'DELETE /session'({ caller, reply }) {
      if (caller.by !== 'session') throw new AppError('USAGE', 'A token is ended by DELETE /api/v1/tokens/ID');
      await sessions.close(caller.id);
      leave({ reply });
    },
    async 'GET /session/oidc'({ reply }) {
      if (!oidc) throw new AppError('NOT_FOUND', 'No OpenID provider is configured', { hint: 'server.oidc in gabarit.yaml.' });
      const { url, state } = await oidc.start();
      // Lax: the provider sends the browser back from another site.
      void reply.header('set-cookie', setCookie(`${name}-oidc`, state, { isSecure, maxAge: 600, sameSite: 'Lax' }));
      return { body: '', status: 302, headers: { location: url } };
    },
    async 'GET /session/oidc/callback'({ raw, reply, caller }) {
      if (!oidc) throw new AppError('NOT_FOUND', 'No OpenID provider is configured');
      const user = await oidc.finish(raw.url, raw.headers.cookie, `${name}-oidc`);
      await enter(user, { reply, caller });
      const session = String(reply.getHeader('set-cookie'));
      void reply.removeHeader('set-cookie');
      void reply.header('set-cookie', [session, setCookie(`${name}-oidc`, '', { isSecure, maxAge: 0, sameSite: 'Lax' })]);
      // A page that the browser leaves by itself: a redirect would still count as coming from the provider, without the strict cookie.
      return { body: '<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>Gabarit</title>', status: 200 };
    },
    async 'PUT /session/password'({ body, caller, raw }) {
      const address = addressOf(raw);
      if (caller.by !== 'session')
        throw new AppError('FORBIDDEN', 'A password is changed by whoever is logged in, not by a token');
      lockout.check(caller.name, address);
      if (!(await users.isRight(caller.name, body.old))) {
        lockout.wrong(caller.name, address);
        throw new AppError('FORBIDDEN', 'The old password is wrong');
      }
      await mustBeStrong(body.password, caller.name);
      await users.changeOwnPassword(caller.name, body.password);
      await sessions.closeOthers(caller.name, caller.id);
    },
  };
}

/** Users, tokens and the audit log. */
export function accountRoutes({
  users,
  tokens,
  audit,
  now,
}: Parts): AccessHandlers<Part<'/users'> & Part<'/tokens'> & Part<'/audit'>> {
  return {
    'GET /users': () => users.list(),
    async 'POST /users'({ body, about }) {
      about({ user: body.name });
      if (body.password !== undefined) await mustBeStrong(body.password, body.name);
      return users.create(body.name, body.password, body.grants);
    },
    async 'PUT /users/:user'({ params, body }) {
      if (body.password !== undefined) await mustBeStrong(body.password, params.user);
      return users.change(params.user, body);
    },
    'DELETE /users/:user': ({ params }) => users.remove(params.user),
    async 'GET /tokens'({ query, caller, must }) {
      if (query.all === 'true') must('admin');
      return tokens.list(query.all === 'true' ? undefined : caller.name);
    },
    async 'POST /tokens'({ body, caller, about }) {
      if (caller.by === 'machine') throw notAPerson('make tokens');
      // What is limited must not be able to make itself something less limited.
      if (caller.limits) throw new AppError('FORBIDDEN', 'A token that is limited makes no tokens');
      if (caller.by === 'token' && now().getTime() + body.days * 86_400_000 > caller.expires.getTime() + 3_600_000) {
        throw new AppError('FORBIDDEN', 'A token makes no token that outlives it');
      }
      for (const { role, templates, channels } of body.grants ?? []) {
        const isCovered = may(caller, role, {
          ...(templates === '*' ? {} : { template: templates.replace(/\*$/, '') }),
          ...(channels === '*' ? {} : { channel: channels.replace(/\*$/, '') }),
        });
        if (!isCovered) throw new AppError('FORBIDDEN', `${caller.name} may not act as ${role} himself`);
      }
      const made = await tokens.create(caller.name, body.name, body.grants, body.days);
      about({ token: made.id });
      return made;
    },
    async 'DELETE /tokens/:token'({ params, caller, may: isAllowed }) {
      await tokens.remove(params.token, isAllowed('admin') ? undefined : caller.name);
    },
    async 'GET /audit'({ query }) {
      const { cursor, limit, who, action } = query;
      const before = cursor === undefined ? undefined : Number(cursor);
      if (before !== undefined && !Number.isInteger(before)) throw new AppError('USAGE', 'cursor: is not one of this list');
      const items = await audit.page({
        ...(before === undefined ? {} : { before }),
        limit,
        matches: (entry) => (who === undefined || entry.who === who) && (action === undefined || entry.action === action),
      });
      const last = items.at(-1);
      return { items, ...(items.length === limit && last && last.number > 1 ? { next: String(last.number) } : {}) };
    },
    'POST /audit/verify': () => audit.verify(),
  };
}
