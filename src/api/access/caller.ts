import { type Role, roles } from '../../model/api/contract-type.ts';
import type { Grant } from '../../model/api/access.ts';
import { AppError } from '../../util/errors.ts';

/** Who asks. */
export interface Caller {
  name: string;
  kind: 'local' | 'oidc';
  /** `machine`: whoever may read the server's own folder (local-access.ts). */
  by: 'session' | 'token' | 'machine';
  /** Of the session or token. */
  id: string;
  grants: Grant[];
  /** Of a token: it can do only what these allow too. */
  limits?: Grant[];
  expires: Date;
}

export interface About {
  template?: string | undefined;
  channel?: string | undefined;
}

/** Whether somebody may act in a role: at all somewhere, or on what it is about. */
export function may(caller: Pick<Caller, 'grants' | 'limits'>, role: Role, about: About = {}): boolean {
  const allows = (grants: Grant[]): boolean => grants.some((grant) => covers(grant, role, about));
  return allows(caller.grants) && (caller.limits === undefined || allows(caller.limits));
}

function covers({ role, templates, channels }: Grant, wanted: Role, { template, channel }: About): boolean {
  if (roles.indexOf(role) < roles.indexOf(wanted)) return false;
  // Looking at something does not depend on channels: they only limit who moves them.
  if (template !== undefined && !matches(templates, template)) return false;
  return channel === undefined || wanted === 'viewer' || matches(channels, channel);
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** Some things are done by people who have an account: nobody may count as two. */
export function notAPerson(what: string): AppError {
  return new AppError('FORBIDDEN', `The machine of the server may not ${what}: it is no account`, {
    hint: 'Log in, or use an API token of yours: GABARIT_TOKEN.',
  });
}
