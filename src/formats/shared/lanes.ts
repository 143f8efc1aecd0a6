/** What becomes of each item: `read` and `write` run side by side with those of other items, `place` in the items' order. */
export interface Stages<T, R, P> {
  /** Fills the lane's buffer, which nobody else uses until the item is written. */
  read(item: T, buffer: Buffer): Promise<R>;
  /** Decides where the bytes go, knowing all items before it: so the same disk always makes the same file. Not waited for. */
  place(item: T, buffer: Buffer, read: R): P;
  write(item: T, buffer: Buffer, placed: P): Promise<void>;
}

/** One is read while others are written. More did not make it faster. */
const laneCount = 4;

/** Takes items from a disk to a file through a few buffers of `bufferSize` bytes, without another copy. When one fails, none is under way any more. */
export async function inLanes<T, R, P>(
  items: Iterable<T>,
  bufferSize: number,
  stages: Stages<T, R, P>,
  cancel: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([cancel, stop.signal]);
  const rest = items[Symbol.iterator]();
  let turn = Promise.resolve();

  const take = async (item: T, buffer: Buffer): Promise<void> => {
    const before = turn;
    const mine = Promise.withResolvers<void>();
    turn = mine.promise;
    let placed: P;
    try {
      const found = await stages.read(item, buffer);
      await before;
      placed = stages.place(item, buffer, found);
    } finally {
      mine.resolve();
    }
    await stages.write(item, buffer, placed);
  };
  const lane = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(bufferSize);
    for (let { done, value } = rest.next(); done !== true; { done, value } = rest.next()) {
      signal.throwIfAborted();
      await take(value as T, buffer);
    }
  };
  // The others stop too, and are waited for: none may write into a file that was closed.
  await Promise.allSettled(Array.from({ length: laneCount }, () => lane().catch((error: unknown) => stop.abort(error))));
  signal.throwIfAborted();
}
