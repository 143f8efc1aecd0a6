import { AppError } from '../../util/errors.ts';

/** Limits of requests and of wrong passwords, in memory, bounded. */

interface Window {
  start: number;
  count: number;
}

/** At most so many in so long, by key. */
export class RateLimit {
  readonly #windows = new Map<string, Window>();
  readonly most: number;
  readonly #windowMs: number;
  readonly #now: () => number;

  constructor(most: number, windowMs: number, now: () => number = Date.now) {
    this.most = most;
    this.#windowMs = windowMs;
    this.#now = now;
  }

  /** Counts one. Returns how many seconds to wait when there were too many, else 0. */
  take(key: string): number {
    const now = this.#now();
    let window = this.#windows.get(key);
    if (!window || now - window.start >= this.#windowMs) {
      window = { start: now, count: 0 };
      // The oldest goes first: a Map keeps the order.
      this.#windows.delete(key);
      this.#windows.set(key, window);
      for (const oldest of this.#windows.keys()) {
        if (this.#windows.size <= 10_000) break;
        this.#windows.delete(oldest);
      }
    }
    window.count += 1;
    return window.count <= this.most ? 0 : Math.max(1, Math.ceil((window.start + this.#windowMs - now) / 1000));
  }

  /** How many were counted in the window that goes on. */
  count(key: string): number {
    const window = this.#windows.get(key);
    return window && this.#now() - window.start < this.#windowMs ? window.count : 0;
  }

  forget(key: string): void {
    this.#windows.delete(key);
  }
}

/** @throws AppError RATE_LIMITED */
export function mustBeWithin(limit: RateLimit, key: string, what: string): void {
  const seconds = limit.take(key);
  if (seconds > 0) throw tooMany(what, seconds);
}

export function tooMany(what: string, seconds: number): AppError {
  return new AppError('RATE_LIMITED', `Too many ${what}`, {
    hint: `Try again in ${seconds} s.`,
    details: { retryAfter: seconds },
  });
}

/** Shuts out who guesses passwords: of one account from one address, of one account from anywhere, and from one address at all. */
export function openLockout(now: () => number = Date.now) {
  const byPair = new RateLimit(5, 15 * 60_000, now);
  const byAccount = new RateLimit(50, 15 * 60_000, now);
  const byAddress = new RateLimit(30, 15 * 60_000, now);
  const keys = (name: string, address: string): [RateLimit, string][] => [
    [byPair, `${name}\n${address}`],
    [byAccount, name],
    [byAddress, address],
  ];
  return {
    /** @throws AppError RATE_LIMITED */
    check(name: string, address: string): void {
      for (const [limit, key] of keys(name, address))
        if (limit.count(key) >= limit.most) throw tooMany('wrong passwords', 15 * 60);
    },
    wrong(name: string, address: string): void {
      for (const [limit, key] of keys(name, address)) limit.take(key);
    },
    right(name: string, address: string): void {
      byPair.forget(`${name}\n${address}`);
    },
  };
}
export type Lockout = ReturnType<typeof openLockout>;
