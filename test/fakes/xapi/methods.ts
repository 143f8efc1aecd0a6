import { setTimeout as sleep } from 'node:timers/promises';
import { classes, nullRef } from './classes.ts';
import { textOf } from './database.ts';
import { XapiFault } from './fault.ts';
import { type CallContext, fieldValue, fieldValues, type Method } from './method.ts';
import type { FakePool } from './pool.ts';
import { mayTouchTasksOf } from './sessions.ts';
import { vmMethods } from './vm-methods.ts';
import type { Value } from './xml.ts';

type StringMap = Record<string, string>;

const taskMethods: Record<string, Method> = {
  'task.create': ({ pool, session }, label: string, description: string) =>
    pool.tasks.create(session.user.name, label, description),
  'task.cancel': (context, task: string) => {
    checkTask(context, task, 'task.cancel/any');
    context.pool.tasks.cancel(task);
    return undefined;
  },
  'task.set_status': (context, task: string, status: string) => {
    checkTask(context, task, 'task.set_status/any');
    context.pool.tasks.setStatus(task, status);
    return undefined;
  },
  'task.destroy': (context, task: string) => {
    checkTask(context, task, 'task.destroy/any');
    context.pool.tasks.destroy(task);
    return undefined;
  },
};

function checkTask({ pool, session }: CallContext, task: string, permission: string): void {
  pool.db.get('task', task);
  if (mayTouchTasksOf(session, pool.tasks.ownerOf(task))) return;
  throw new XapiFault('RBAC_PERMISSION_DENIED', [
    permission,
    'No permission in user session. (Roles with this permission: pool-admin, pool-operator)',
  ]);
}

const eventMethods: Record<string, Method> = {
  'event.inject': ({ pool }, name: string, ref: string) => {
    const known = Object.keys(classes).find((item) => item.toLowerCase() === name.toLowerCase()) ?? name;
    if (classes[known] === undefined || !pool.db.has(known, ref)) throw new XapiFault('HANDLE_INVALID', [name, ref]);
    const before = pool.db.generation;
    pool.db.set(known, ref, {});
    return `${String(before).padStart(20, '0')},00000000000000000000`;
  },
  'event.from': async ({ pool }, wanted: string[], token: string, timeout: number) => {
    if (typeof timeout !== 'number' || Number.isInteger(timeout)) throw new XapiFault('FIELD_TYPE_ERROR', ['timeout']);
    const match = token === '' ? ['', '-1'] : /^(\d+),\d+$/.exec(token);
    if (!match) throw new XapiFault('EVENT_FROM_TOKEN_PARSE_FAILURE', [token]);
    const subscriptions = wanted.map((item) => item.toLowerCase());
    const isWanted = (name: string, ref: string): boolean =>
      subscriptions.includes('*') ||
      subscriptions.includes(name.toLowerCase()) ||
      subscriptions.includes(`${name}/${ref}`.toLowerCase());
    const deadline = performance.now() + timeout * 1000;
    let changes = pool.db.changesSince(Number(match[1]), isWanted);
    while (changes.length === 0 && performance.now() < deadline && !pool.closing.signal.aborted) {
      await nextChange(pool, deadline - performance.now());
      changes = pool.db.changesSince(Number(match[1]), isWanted);
    }
    const events = changes.map((change, at) => ({ id: String(at), timestamp: '0.0', ...change }));
    return {
      events: events as unknown as Value,
      valid_ref_counts: pool.db.counts(),
      token: `${String(pool.db.generation).padStart(20, '0')},00000000000000000000`,
    };
  },
};

function nextChange(pool: FakePool, timeoutMs: number): Promise<void> {
  const over = new AbortController();
  const changed = new Promise<void>((resolve) => {
    pool.db.once('change', resolve);
    over.signal.addEventListener('abort', () => pool.db.off('change', resolve));
  });
  const signal = AbortSignal.any([over.signal, pool.closing.signal]);
  const timer = sleep(timeoutMs, undefined, { signal }).catch(() => undefined);
  return Promise.race([changed, timer]).finally(() => over.abort());
}

const storageMethods: Record<string, Method> = {
  'VDI.create': ({ pool }, values: Record<string, unknown>) => {
    for (const field of ['SR', 'virtual_size', 'type', 'sharable', 'read_only', 'other_config']) {
      if (values[field] === undefined) throw new XapiFault('INTERNAL_ERROR', [`Dispatcher_FieldNotFound("${field}")`]);
    }
    return pool.storage.createVdi(fieldValues('VDI', values));
  },
  'VDI.destroy': async ({ pool }, vdi: string) => {
    const vbds = pool.db.get('VDI', vdi)['VBDs'] as string[];
    if (pool.filling.has(vdi) || vbds.some((vbd) => pool.db.get('VBD', vbd)['currently_attached'] === true))
      throw new XapiFault('VDI_IN_USE', [vdi, 'destroy']);
    for (const vbd of vbds) pool.db.destroy('VBD', vbd);
    await pool.storage.destroyVdi(vdi);
    return undefined;
  },
  'VDI.resize': async ({ pool }, vdi: string, size: string) => {
    await pool.storage.resizeVdi(vdi, Number(size));
    return undefined;
  },
  'VDI.clone': ({ pool }, vdi: string) => pool.storage.copyVdi(vdi, textOf(pool.db.get('VDI', vdi), 'SR')),
  'VDI.copy': ({ pool }, vdi: string, sr: string) => pool.storage.copyVdi(vdi, sr),
  'SR.scan': () => undefined,
  'VBD.create': ({ pool }, values: Record<string, unknown>) => {
    const record = fieldValues('VBD', values);
    const vm = textOf(record, 'VM');
    const taken = (pool.db.get('VM', vm)['VBDs'] as string[]).map((vbd) => pool.db.get('VBD', vbd)['userdevice']);
    if (taken.includes(record['userdevice'] ?? '')) throw new XapiFault('DEVICE_ALREADY_EXISTS', [textOf(record, 'userdevice')]);
    if (record['empty'] !== true) pool.db.get('VDI', textOf(record, 'VDI'));
    return pool.db.create('VBD', record);
  },
  'VBD.destroy': ({ pool }, vbd: string) => {
    if (pool.db.get('VBD', vbd)['currently_attached'] === true) throw new XapiFault('DEVICE_ALREADY_ATTACHED', [vbd]);
    pool.db.destroy('VBD', vbd);
    return undefined;
  },
  'VBD.eject': ({ pool }, vbd: string) => {
    if (pool.db.get('VBD', vbd)['empty'] === true) throw new XapiFault('VBD_IS_EMPTY', [vbd]);
    pool.db.set('VBD', vbd, { VDI: nullRef, empty: true });
    return undefined;
  },
  'VIF.create': ({ pool }, values: Record<string, unknown>) => {
    const record = fieldValues('VIF', values);
    pool.db.get('network', textOf(record, 'network'));
    const taken = (pool.db.get('VM', textOf(record, 'VM'))['VIFs'] as string[]).map((vif) => pool.db.get('VIF', vif)['device']);
    if (taken.includes(record['device'] ?? '')) throw new XapiFault('DEVICE_ALREADY_EXISTS', [textOf(record, 'device')]);
    const own = record['MAC'] === '' || record['MAC'] === undefined;
    return pool.db.create('VIF', { ...record, ...(own ? { MAC: pool.newMac(), MAC_autogenerated: true } : {}) });
  },
  'VIF.destroy': ({ pool }, vif: string) => {
    pool.db.destroy('VIF', vif);
    return undefined;
  },
  'VIF.move': ({ pool }, vif: string, network: string) => {
    pool.db.get('network', network);
    pool.db.set('VIF', vif, { network });
    return undefined;
  },
  'host.get_servertime': () => new Date().toISOString().replaceAll(/-|\.\d+/g, ''),
};

/** Methods that are more than reading and writing fields. */
const special: Record<string, Method> = { ...taskMethods, ...eventMethods, ...storageMethods, ...vmMethods };

export function methodNames(): string[] {
  const readers = Object.keys(classes).flatMap((name) =>
    ['get_all', 'get_all_records', 'get_record', 'get_by_uuid'].map((verb) => `${name}.${verb}`),
  );
  return [...readers, ...Object.keys(special), 'session.login_with_password', 'session.logout', 'system.listMethods'];
}

/** Carries out a method. @throws XapiFault */
export function callMethod(
  context: CallContext,
  method: string,
  parameters: unknown[],
): Value | undefined | Promise<Value | undefined> {
  const own = special[method];
  if (own) return own(context, ...(parameters as never[]));
  const [, name = '', verb = ''] = /^(\w+)\.(\w+)$/.exec(method) ?? [];
  if (classes[name] === undefined) throw new XapiFault('MESSAGE_METHOD_UNKNOWN', [method]);
  return readField(context.pool, name, verb, parameters) ?? writeField(context.pool, name, verb, parameters, method);
}

function readField({ db }: FakePool, name: string, verb: string, parameters: unknown[]): Value | undefined {
  const [self] = parameters as [string];
  if (verb === 'get_all') return db.all(name).map(({ ref }) => ref);
  if (verb === 'get_all_records') return Object.fromEntries(db.all(name).map(({ ref, record }) => [ref, record]));
  if (verb === 'get_record') return db.get(name, self);
  if (verb === 'get_by_uuid') {
    const found = db.all(name).find(({ record }) => record['uuid'] === self);
    if (!found) throw new XapiFault('UUID_INVALID', [name, self]);
    return found.ref;
  }
  if (verb === 'get_by_name_label')
    return db.all(name).flatMap(({ ref, record }) => (record['name_label'] === self ? [ref] : []));
  const field = /^get_(\w+)$/.exec(verb)?.[1];
  return field !== undefined && classes[name]?.[field] ? db.get(name, self)[field] : undefined;
}

function writeField({ db }: FakePool, name: string, verb: string, parameters: unknown[], method: string): undefined {
  const [, action = '', field = ''] = /^(set|add_to|remove_from|add|remove)_(\w+)$/.exec(verb) ?? [];
  const known = classes[name]?.[field];
  if (known === undefined || !known.writable) throw new XapiFault('MESSAGE_METHOD_UNKNOWN', [method]);
  const [self, first, second] = parameters as [string, unknown, unknown];
  const record = db.get(name, self);
  const current = structuredClone(record[field]);
  if (action === 'set') db.set(name, self, { [field]: fieldValue(field, known, first) });
  else if (action === 'add_to' && known.kind === 'map') {
    const map = current as StringMap;
    if (String(first) in map) throw new XapiFault('MAP_DUPLICATE_KEY', [name, field, self, String(first)]);
    if (typeof second !== 'string') throw new XapiFault('FIELD_TYPE_ERROR', [field]);
    db.set(name, self, { [field]: { ...map, [String(first)]: second } });
  } else if (action === 'remove_from' && known.kind === 'map') {
    const { [String(first)]: _removed, ...rest } = current as StringMap;
    db.set(name, self, { [field]: rest });
  } else if ((action === 'add' || action === 'remove') && known.kind === 'set') {
    const others = (current as string[]).filter((item) => item !== first);
    db.set(name, self, { [field]: action === 'add' ? [...others, String(first)] : others });
  } else throw new XapiFault('MESSAGE_METHOD_UNKNOWN', [method]);
  return undefined;
}
