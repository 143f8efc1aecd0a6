/** Keeps the results that were used last, up to a number of them. */
export class Lru<T> {
  readonly #limit: number;
  readonly #items = new Map<number, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: number): T | undefined {
    const item = this.#items.get(key);
    if (item !== undefined) {
      // A Map lists its keys in the order of their insertion: the first is the one unused for longest.
      this.#items.delete(key);
      this.#items.set(key, item);
    }
    return item;
  }

  set(key: number, item: T): void {
    this.#items.set(key, item);
    const [oldest] = this.#items.keys();
    if (this.#items.size > this.#limit && oldest !== undefined) this.#items.delete(oldest);
  }
}
