/**
 * Works on up to `depth` items at once and yields the results in the items' order. When the caller stops early, what is under way is
 * waited for: nothing still reads from what the caller closes next.
 */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  depth: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // When one fails, only the first is awaited.
      result.catch(() => undefined);
      underWay.push(result);
      if (underWay.length >= depth) yield await (underWay.shift() as Promise<R>);
    }
    while (underWay.length > 0) yield await (underWay.shift() as Promise<R>);
  } finally {
    await Promise.allSettled(underWay);
  }
}
