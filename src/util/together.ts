/**
 * Does all works at once. When one fails the others are told to stop by the signal that each was given, and are waited for; then
 * that one's error is thrown.
 */
export async function together(works: readonly ((signal: AbortSignal) => Promise<void>)[], signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  let failure: { error: unknown } | undefined;
  await Promise.allSettled(
    works.map(async (work) => {
      try {
        await work(all);
      } catch (error) {
        failure ??= { error };
        stop.abort();
      }
    }),
  );
  if (failure) throw failure.error;
}
