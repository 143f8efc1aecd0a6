import { randomUUID } from 'node:crypto';
import { XapiFault } from './fault.ts';

export type Role = 'pool-admin' | 'pool-operator' | 'vm-admin' | 'vm-operator' | 'read-only';

export interface User {
  name: string;
  password: string;
  role: Role;
}

export interface FakeSession {
  ref: string;
  user: User;
  originator: string;
  lastUsed: number;
}

/** The roles from the weakest to the strongest; each may do what those before it may. */
const ladder: Role[] = ['read-only', 'vm-operator', 'vm-admin', 'pool-operator', 'pool-admin'];

/** The weakest role that may call a method or use a handler (`http/put_import`), the first that matches. */
const permissions: [RegExp, Role][] = [
  [/^(session|event|task|system)\./, 'read-only'],
  [/\.get_|\.assert_/, 'read-only'],
  [/^http\/(get_vncsnapshot|connect_console)$/, 'vm-operator'],
  [/^vm\.(start|start_on|clean_shutdown|hard_shutdown|clean_reboot|hard_reboot|add_tags|remove_tags|set_tags)$/, 'vm-operator'],
  [/^vbd\.(insert|eject)$/, 'vm-operator'],
  [/^(vm|vdi|vbd|vif|vm_guest_metrics|console)\./, 'vm-admin'],
  [/^http\/(put_import|put_import_raw_vdi|get_export|get_export_raw_vdi)$/, 'vm-admin'],
  [/^(sr|pbd|network|host|pool)\./, 'pool-operator'],
];

export class Sessions {
  readonly #sessions = new Map<string, FakeSession>();
  readonly users: User[];
  readonly #lifeMs: number;

  constructor(users: User[], lifeMs: number) {
    this.users = users;
    this.#lifeMs = lifeMs;
  }

  logIn(name: string, password: string, originator: string): string {
    const user = this.users.find((item) => item.name === name && item.password === password);
    if (!user) throw new XapiFault('SESSION_AUTHENTICATION_FAILED', [name, 'Authentication failure']);
    const ref = `OpaqueRef:${randomUUID()}`;
    this.#sessions.set(ref, { ref, user, originator, lastUsed: Date.now() });
    return ref;
  }

  /** @throws XapiFault SESSION_INVALID */
  get(ref: string): FakeSession {
    const session = this.#sessions.get(ref);
    if (session && Date.now() - session.lastUsed > this.#lifeMs) this.#sessions.delete(ref);
    if (!session || !this.#sessions.has(ref)) throw new XapiFault('SESSION_INVALID', [ref]);
    session.lastUsed = Date.now();
    return session;
  }

  has(ref: string): boolean {
    return this.#sessions.has(ref);
  }

  logOut(ref: string): void {
    this.get(ref);
    this.#sessions.delete(ref);
  }

  expireAll(): void {
    this.#sessions.clear();
  }

  all(): FakeSession[] {
    return [...this.#sessions.values()];
  }
}

/** @throws XapiFault RBAC_PERMISSION_DENIED */
export function checkPermission(session: FakeSession, action: string): void {
  const permission = action.toLowerCase();
  const needed = permissions.find(([pattern]) => pattern.test(permission))?.[1] ?? 'pool-admin';
  if (ladder.indexOf(session.user.role) >= ladder.indexOf(needed)) return;
  const allowed = ladder.slice(ladder.indexOf(needed)).toReversed().join(', ');
  throw new XapiFault('RBAC_PERMISSION_DENIED', [
    permission,
    `No permission in user session. (Roles with this permission: ${allowed})`,
  ]);
}

/** Others' tasks are for operators of the pool. */
export function mayTouchTasksOf(session: FakeSession, owner: string | undefined): boolean {
  return session.user.name === owner || ladder.indexOf(session.user.role) >= ladder.indexOf('pool-operator');
}
