import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { classes, mirrors, nullRef } from './classes.ts';
import { XapiFault } from './fault.ts';
import type { Value } from './xml.ts';

export type FakeRecord = Record<string, Value>;

/** A field that is a text or a reference. */
export function textOf(record: FakeRecord, field: string): string {
  const value = record[field];
  if (typeof value !== 'string') throw new Error(`${field} is no text here`);
  return value;
}

interface Row {
  record: FakeRecord;
  created: number;
  modified: number;
}

export interface Change {
  class: string;
  operation: 'add' | 'mod' | 'del';
  ref: string;
  snapshot?: FakeRecord;
}

/** The pool's objects, and the order in which they changed. All hosts of the pool share it. */
export class Database extends EventEmitter<{ change: [] }> {
  readonly #tables = new Map<string, Map<string, Row>>();
  #deleted: { class: string; ref: string; created: number; at: number }[] = [];
  #generation = 0;

  constructor() {
    super();
    this.setMaxListeners(0);
    for (const name of Object.keys(classes)) this.#tables.set(name, new Map());
  }

  /** Rises with every change. */
  get generation(): number {
    return this.#generation;
  }

  /** Makes an object and returns its reference; what is not given has the class's usual value. */
  create(name: string, values: FakeRecord): string {
    const ref = `OpaqueRef:${randomUUID()}`;
    const initial = Object.fromEntries(
      Object.entries(classes[name] ?? {}).map(([field, known]) => [field, structuredClone(known.initial)]),
    );
    this.#table(name).set(ref, { record: { ...initial, uuid: randomUUID(), ...values }, ...this.#stamps() });
    this.#mirror(name, ref, {}, values);
    this.emit('change');
    return ref;
  }

  /** The record itself, to look at; change it by {@link set}. @throws XapiFault HANDLE_INVALID */
  get(name: string, ref: string): FakeRecord {
    const row = this.#table(name).get(ref);
    if (!row) throw new XapiFault('HANDLE_INVALID', [name, ref]);
    return row.record;
  }

  has(name: string, ref: string): boolean {
    return this.#table(name).has(ref);
  }

  set(name: string, ref: string, values: FakeRecord): void {
    const row = this.#table(name).get(ref);
    if (!row) throw new XapiFault('HANDLE_INVALID', [name, ref]);
    const before = { ...row.record };
    Object.assign(row.record, values);
    row.modified = ++this.#generation;
    this.#mirror(name, ref, before, row.record);
    this.emit('change');
  }

  destroy(name: string, ref: string): void {
    const row = this.#table(name).get(ref);
    if (!row) throw new XapiFault('HANDLE_INVALID', [name, ref]);
    this.#table(name).delete(ref);
    this.#deleted.push({ class: name, ref, created: row.created, at: ++this.#generation });
    this.#mirror(name, ref, row.record, {});
    this.emit('change');
  }

  all(name: string): { ref: string; record: FakeRecord }[] {
    return [...this.#table(name)].map(([ref, { record }]) => ({ ref, record }));
  }

  /** How many objects of each class there are, by the class in small letters. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.#tables].map(([name, rows]) => [name.toLowerCase(), rows.size]));
  }

  /** What has changed after `since`, with the objects as they are now. */
  changesSince(since: number, wanted: (name: string, ref: string) => boolean): Change[] {
    const changes: Change[] = [];
    for (const { class: name, ref, created, at } of this.#deleted) {
      if (at > since && created <= since && wanted(name, ref)) changes.push({ class: name.toLowerCase(), operation: 'del', ref });
    }
    for (const [name, rows] of this.#tables) {
      for (const [ref, { record, created, modified }] of rows) {
        if (modified <= since || !wanted(name, ref)) continue;
        const operation = created > since ? 'add' : 'mod';
        changes.push({ class: name.toLowerCase(), operation, ref, snapshot: structuredClone(record) });
      }
    }
    return changes;
  }

  #table(name: string): Map<string, Row> {
    const table = this.#tables.get(name);
    if (!table) throw new XapiFault('MESSAGE_METHOD_UNKNOWN', [name]);
    return table;
  }

  #stamps(): { created: number; modified: number } {
    this.#generation += 1;
    return { created: this.#generation, modified: this.#generation };
  }

  /** Keeps up the lists that others have of this object. */
  #mirror(name: string, ref: string, before: FakeRecord, after: FakeRecord): void {
    for (const { of, field, members, by } of mirrors) {
      if (members !== name || before[by] === after[by]) continue;
      for (const [owner, present] of [
        [before[by], false],
        [after[by], true],
      ] as const) {
        if (typeof owner !== 'string' || owner === nullRef || !this.has(of, owner)) continue;
        const list = (this.get(of, owner)[field] as string[]).filter((item) => item !== ref);
        this.set(of, owner, { [field]: present ? [...list, ref] : list });
      }
    }
  }
}
