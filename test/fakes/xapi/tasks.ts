import { type Database, textOf } from './database.ts';
import { faultOf, XapiFault } from './fault.ts';
import { type Value, writeXmlValue } from './xml.ts';

/** A task that is under way, seen from the work that it stands for. */
export interface RunningTask {
  ref: string;
  /** Aborted by `task.cancel`; the work looks at it now and then. */
  cancelled: AbortSignal;
  progress(fraction: number): void;
}

interface State {
  owner: string;
  cancel: AbortController;
  destroyAtEnd: boolean;
}

function now(): string {
  return new Date().toISOString().replaceAll(/-|\.\d+/g, '');
}

/** The pool's tasks. */
export class Tasks {
  readonly #db: Database;
  readonly #states = new Map<string, State>();

  constructor(db: Database) {
    this.#db = db;
  }

  create(owner: string, label: string, description = ''): string {
    const ref = this.#db.create('task', { name_label: label, name_description: description, created: now(), status: 'pending' });
    this.#states.set(ref, { owner, cancel: new AbortController(), destroyAtEnd: false });
    return ref;
  }

  /** @throws XapiFault HANDLE_INVALID */
  running(ref: string): RunningTask {
    this.#db.get('task', ref);
    const state = this.#states.get(ref);
    return {
      ref,
      cancelled: state?.cancel.signal ?? AbortSignal.abort(),
      progress: (fraction) => {
        if (this.#pending(ref)) this.#db.set('task', ref, { progress: Math.min(1, fraction) });
      },
    };
  }

  ownerOf(ref: string): string | undefined {
    return this.#states.get(ref)?.owner;
  }

  complete(ref: string, result: Value | undefined): void {
    this.#end(ref, { status: 'success', progress: 1, result: result === undefined ? '' : writeXmlValue(result) });
  }

  /** The task fails; or is cancelled, when that is what stopped the work. */
  fail(ref: string, error: unknown): void {
    const { code, parameters } = faultOf(error);
    if (code === 'TASK_CANCELLED') this.#end(ref, { status: 'cancelled', error_info: [code, ref] });
    else this.#end(ref, { status: 'failure', error_info: [code, ...parameters] });
  }

  cancel(ref: string): void {
    this.#db.get('task', ref);
    if (!this.#pending(ref)) return;
    this.#db.set('task', ref, { status: 'cancelling' });
    this.#states.get(ref)?.cancel.abort();
  }

  setStatus(ref: string, status: string): void {
    if (!['pending', 'success', 'failure', 'cancelling', 'cancelled'].includes(status))
      throw new XapiFault('FIELD_TYPE_ERROR', ['status']);
    this.#db.set('task', ref, { status });
  }

  /** Removes a task that has ended; one that has not is removed as soon as it has. */
  destroy(ref: string): void {
    this.#db.get('task', ref);
    const state = this.#states.get(ref);
    if (this.#pending(ref) && state) state.destroyAtEnd = true;
    else this.#remove(ref);
  }

  /** What a restart of the tool stack does to tasks that are under way. */
  failAll(): void {
    for (const { ref } of this.#db.all('task')) {
      if (this.#pending(ref)) this.#end(ref, { status: 'cancelled', error_info: ['TASK_CANCELLED', ref] });
    }
  }

  #pending(ref: string): boolean {
    if (!this.#db.has('task', ref)) return false;
    return ['pending', 'cancelling'].includes(textOf(this.#db.get('task', ref), 'status'));
  }

  #end(ref: string, values: Record<string, Value>): void {
    if (!this.#pending(ref)) return;
    this.#db.set('task', ref, { ...values, finished: now() });
    if (this.#states.get(ref)?.destroyAtEnd) this.#remove(ref);
  }

  #remove(ref: string): void {
    this.#states.delete(ref);
    this.#db.destroy('task', ref);
  }
}

/** @throws XapiFault TASK_CANCELLED when the task was cancelled */
export function throwIfCancelled(task: RunningTask): void {
  if (task.cancelled.aborted) throw new XapiFault('TASK_CANCELLED', [task.ref]);
}
