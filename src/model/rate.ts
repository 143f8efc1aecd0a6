import { z } from 'zod';
import { parseSize } from './size.ts';

const notARate = 'must be a rate such as 20MiB/s';

/** Bytes a second of `20MiB/s`; undefined when it is not a rate. */
export function parseRate(text: string): number | undefined {
  const bytes = parseSize(text.trim().replace(/\/s$/, ''));
  return bytes !== undefined && bytes > 0 ? bytes : undefined;
}

/** A rate in a configuration (`20MiB/s`), as bytes a second. */
export const rateSchema = z.string({ error: notARate }).transform((text, ctx) => {
  const bytes = parseRate(text);
  if (bytes !== undefined) return bytes;
  ctx.addIssue({ code: 'custom', message: notARate });
  return z.NEVER;
});
