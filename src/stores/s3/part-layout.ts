/** How an object is cut into parts. The same size always gives the same parts, so that another process or machine can go on. */
export interface PartLayout {
  size: number;
  partSize: number;
  count: number;
}

const mebibyte = 2 ** 20;
const defaultPartSize = 16 * mebibyte;
/** S3 takes 10,000; some leave to speak of it. */
const maxParts = 9_000;

/** An object up to this size is sent as a whole. */
export function isOnePiece(size: number, partSize = defaultPartSize): boolean {
  return size <= partSize;
}

/** Parts of `partSize` bytes, or as much larger (in whole MiB) as it takes to stay below the limit of S3. */
export function layoutOf(size: number, partSize = defaultPartSize): PartLayout {
  const chosen = size <= partSize * maxParts ? partSize : Math.ceil(size / maxParts / mebibyte) * mebibyte;
  return { size, partSize: chosen, count: Math.max(1, Math.ceil(size / chosen)) };
}

/** Where a part (from 1) lies in the object. */
export function rangeOf(layout: PartLayout, part: number): { start: number; length: number } {
  const start = (part - 1) * layout.partSize;
  return { start, length: Math.min(layout.partSize, layout.size - start) };
}

/**
 * The layout by which parts were sent that are there already, which may be another one than the configured; undefined when they
 * are no parts of an object of this size.
 */
export function layoutOfParts(
  size: number,
  configured: PartLayout,
  parts: ReadonlyMap<number, { size: number }>,
): PartLayout | undefined {
  const entries = [...parts].toSorted(([a], [b]) => a - b);
  const [first] = entries;
  if (!first) return undefined;
  // The last part is shorter: when it is the only one that is there, it does not tell the size of the others.
  const partSize = entries.length > 1 || first[0] === 1 ? first[1].size : configured.partSize;
  if (partSize === 0 || Math.ceil(size / partSize) > 10_000) return undefined;
  const layout = { size, partSize, count: Math.ceil(size / partSize) };
  const fits = entries.every(([part, found]) => part <= layout.count && rangeOf(layout, part).length === found.size);
  return fits ? layout : undefined;
}
