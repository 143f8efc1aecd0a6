/** A stack of releases: every acquisition is followed at once by `defer`, and all releases run backwards, whatever happens. */
export class Scope implements AsyncDisposable {
  readonly #releases: (() => unknown)[] = [];

  /** Registers a release, which may be asynchronous. */
  defer(release: () => unknown): void {
    this.#releases.push(release);
  }

  /** Runs all releases, last first. One that throws does not stop the others; their errors are thrown together at the end. */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} releases failed`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
