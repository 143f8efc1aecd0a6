import type { ZodType } from 'zod';
import { AppError, type ErrorCode } from '../util/errors.ts';

/**
 * JSON of a known schema (`gabarit.index/1`) from its text.
 * @throws AppError IMAGE_INVALID (or `code`), in its own words when a newer Gabarit wrote it
 */
export function parseDocument<T>(
  source: string,
  schema: ZodType<T>,
  name: string,
  where: string,
  code: ErrorCode = 'IMAGE_INVALID',
): T {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw new AppError(code, `${where} is not JSON`, { cause });
  }
  return checkDocument(value, schema, name, where, code);
}

/** The same for what was parsed already. */
export function checkDocument<T>(
  value: unknown,
  schema: ZodType<T>,
  name: string,
  where: string,
  code: ErrorCode = 'IMAGE_INVALID',
): T {
  const found = (value as { schema?: unknown } | null)?.schema;
  if (typeof found === 'string' && found !== name && found.startsWith(name.slice(0, name.indexOf('/') + 1))) {
    throw new AppError(code, `${where} is written as ${found}; this Gabarit knows ${name}`, {
      hint: 'A newer Gabarit wrote it: update this one.',
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError(code, `${where} is not a ${name} document`, {
    faults: parsed.error.issues.map((issue) => ({ message: `${issue.path.join('.') || 'the whole'}: ${issue.message}` })),
  });
}
