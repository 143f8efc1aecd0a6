import { classes, type Field } from './classes.ts';
import type { FakeRecord } from './database.ts';
import { XapiFault } from './fault.ts';
import type { FakePool } from './pool.ts';
import type { FakeSession } from './sessions.ts';
import type { RunningTask } from './tasks.ts';
import type { Value } from './xml.ts';

export interface CallContext {
  pool: FakePool;
  session: FakeSession;
  /** In an asynchronous call. */
  task?: RunningTask;
}

export type Method = (context: CallContext, ...parameters: never[]) => Value | undefined | Promise<Value | undefined>;

/** Writes a value as a field has it. @throws XapiFault FIELD_TYPE_ERROR */
export function fieldValue(name: string, { kind }: Field, value: unknown): Value {
  const refuse = (): never => {
    throw new XapiFault('FIELD_TYPE_ERROR', [name]);
  };
  switch (kind) {
    case 'int':
      return /^-?\d+$/.test(String(value)) ? String(value) : refuse();
    case 'bool':
      return typeof value === 'boolean' ? value : refuse();
    case 'float':
      return typeof value === 'number' ? value : refuse();
    case 'set':
      return Array.isArray(value) ? (value as Value) : refuse();
    case 'map':
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Value) : refuse();
    default:
      return typeof value === 'string' ? value : refuse();
  }
}

/** The fields that a client gives to a constructor. @throws XapiFault FIELD_TYPE_ERROR */
export function fieldValues(name: string, values: Record<string, unknown>): FakeRecord {
  return Object.fromEntries(
    Object.entries(values).flatMap(([field, value]) => {
      const known = classes[name]?.[field];
      return known === undefined ? [] : [[field, fieldValue(field, known, value)]];
    }),
  );
}
