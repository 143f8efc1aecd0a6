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
