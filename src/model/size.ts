import { z } from 'zod';

const units: Record<string, number> = { '': 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Bytes of `3GiB`, `512 MiB` or a bare number; undefined when it is not a size. Decimal units are refused: they are a common mistake. */
export function parseSize(text: string | number): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]iB|B|)$/.exec(String(text).trim());
  const factor = units[match?.[2] ?? 'none'];
  if (!match || factor === undefined) return undefined;
  const bytes = Number(match[1]) * factor;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const notASize = 'must be a size such as 512MiB or 3GiB';

/** A size in a definition (`3GiB`), as bytes. */
export const sizeSchema = z
  .union([z.string(), z.number()], { error: notASize })
  .meta({ pattern: '^\\s*\\d+(\\.\\d+)?\\s*([KMGT]iB|B|)\\s*$', examples: ['8GiB'] })
  .transform((text, ctx) => {
    const bytes = parseSize(text);
    if (bytes !== undefined) return bytes;
    ctx.addIssue({ code: 'custom', message: notASize });
    return z.NEVER;
  });

/** `266.4 MiB`, for people. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 'B';
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return unit === 'B' ? `${value} B` : `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`;
}
