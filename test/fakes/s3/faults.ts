import type { Call } from './call.ts';
import type { Operation } from './dialect.ts';
import type { S3ErrorCode } from './s3-error.ts';

/** What goes wrong with a request. */
export type FaultKind =
  /** Answered with that error, and not done. */
  | { kind: 'error'; code: S3ErrorCode }
  /** The connection is torn when that many bytes of the request's body have come; nothing is done. */
  | { kind: 'cut-request'; bytes: number }
  /** The connection is torn when that many bytes of the answer's body have gone. */
  | { kind: 'cut-answer'; bytes: number }
  /** Done, but the connection is torn instead of an answer. */
  | { kind: 'lose-answer' }
  /** Answered with status 200 and an error in the body, done all the same or not. */
  | { kind: 'error-in-200'; done?: boolean }
  /** Stored with one bit wrong, though everything is answered as if it were right. */
  | { kind: 'flip-stored' }
  /** Answered with one bit wrong. */
  | { kind: 'flip-answer' }
  /** Answered that much later. */
  | { kind: 'delay'; ms: number }
  /** Never answered. */
  | { kind: 'hang' }
  /** Bodies come and go at that speed. */
  | { kind: 'slow'; bytesPerSecond: number };

/** Which requests are struck: those that fit everything that is given. */
export interface FaultWhere {
  on?: Operation | readonly Operation[];
  key?: string | RegExp;
  part?: number;
  /** The first so many that fit are left alone. */
  after?: number;
  /** How many are struck: 1, or with a rate all that it chooses. */
  times?: number;
  /** 0.1: every tenth that fits. */
  rate?: number;
}

export type Fault = FaultKind & FaultWhere;

export class Faults {
  readonly #armed = new Set<{ fault: Fault; seen: number; left: number }>();

  /** Returns what takes it back. */
  inject(fault: Fault): () => void {
    const left = fault.times ?? (fault.rate === undefined ? 1 : Number.POSITIVE_INFINITY);
    const armed = { fault, seen: 0, left };
    this.#armed.add(armed);
    return () => void this.#armed.delete(armed);
  }

  /** All faults that strike this request. */
  strike(call: Call): Fault[] {
    const struck: Fault[] = [];
    for (const armed of this.#armed) {
      const { fault } = armed;
      if (!fits(fault, call)) continue;
      armed.seen += 1;
      const rate = fault.rate ?? 1;
      const at = armed.seen - (fault.after ?? 0);
      if (at <= 0 || armed.left <= 0 || Math.floor(at * rate) === Math.floor((at - 1) * rate)) continue;
      armed.left -= 1;
      struck.push(fault);
    }
    return struck;
  }
}

function fits({ on, key, part }: Fault, call: Call): boolean {
  if (on !== undefined && !(typeof on === 'string' ? [on] : on).includes(call.operation)) return false;
  if (typeof key === 'string' && call.key !== key) return false;
  if (key instanceof RegExp && !key.test(call.key)) return false;
  return part === undefined || Number(call.query.get('partNumber')) === part;
}

/** The fault of that kind among those that strike. */
export function faultOf<K extends Fault['kind']>(struck: readonly Fault[], kind: K): Extract<Fault, { kind: K }> | undefined {
  return struck.find((fault): fault is Extract<Fault, { kind: K }> => fault.kind === kind);
}
