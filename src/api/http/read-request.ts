import type { z } from 'zod';
import type { RouteContract } from '../../model/api/contract-type.ts';
import { AppError, type Fault } from '../../util/errors.ts';

/** The parts of a request as the contract wants them. @throws AppError USAGE with everything that is wrong */
export function readRequest(
  route: RouteContract,
  given: { params: unknown; query: unknown; body: unknown },
): { params: unknown; query: unknown; body: unknown } {
  const faults: Fault[] = [];
  const part = (name: 'params' | 'query' | 'body'): unknown => {
    const schema: z.ZodType | undefined = route[name];
    if (!schema) return undefined;
    const place = notTextAt(given[name]);
    if (place !== undefined) {
      faults.push({ message: `${[name, ...place].join('.')}: must be text without NUL, in whole characters` });
      return undefined;
    }
    const parsed = schema.safeParse(given[name] ?? {});
    if (parsed.success) return parsed.data;
    for (const { path, message } of parsed.error.issues) faults.push({ message: `${[name, ...path].join('.')}: ${message}` });
    return undefined;
  };
  const read = { params: part('params'), query: part('query'), body: part('body') };
  if (faults.length === 0) return read;
  throw new AppError('USAGE', faults.length === 1 ? (faults[0]?.message ?? '') : 'The request is not right', {
    faults,
    hint: '/api/v1/openapi.json says what is possible.',
  });
}

/** Where a text lies that no database and no file system could keep: with NUL, or with half a character. */
function notTextAt(value: unknown): string[] | undefined {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? [] : undefined;
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, item] of Object.entries(value)) {
    const inside = notTextAt(key) ?? notTextAt(item);
    if (inside !== undefined) return [key.toWellFormed().replaceAll('\0', ''), ...inside];
  }
  return undefined;
}
