import { createInterface } from 'node:readline';
import { AppError, toAppError } from '../../util/errors.ts';
import type { Emit } from '../../util/events.ts';
import { Scope } from '../../util/scope.ts';
import type { InsideMessage } from './namespace.ts';

/** What a process inside the namespace works with. */
export interface InsideContext {
  emit: Emit;
  scope: Scope;
  /** Further messages from outside, in order. */
  messages: AsyncIterator<unknown>;
}

function write(message: InsideMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/**
 * The main function of a process inside the namespace: reads one request from standard input, calls `work`, writes events and the
 * outcome to standard output. It is process 1 of its namespace: when it ends, all others there are killed and all mounts vanish.
 * It ends when its parent does, which closes standard input.
 */
export async function serveInside(work: (request: unknown, ctx: InsideContext) => Promise<unknown>): Promise<void> {
  const queue: unknown[] = [];
  const waiting: (() => void)[] = [];
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    queue.push(JSON.parse(line));
    waiting.shift()?.();
  });
  input.on('close', () => {
    process.exit(1); // The parent is gone: nobody wants the result.
  });
  const messages: AsyncIterator<unknown> = {
    async next() {
      while (queue.length === 0) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      return { value: queue.shift(), done: false };
    },
  };
  const scope = new Scope();
  let outcome: InsideMessage;
  try {
    const first = await messages.next();
    const result = await work(first.value, { emit: (event) => write({ kind: 'event', event }), scope, messages });
    await scope.close();
    outcome = { kind: 'result', result };
  } catch (error) {
    await scope.close().catch(() => undefined); // The namespace goes with this process in any case.
    const failure = error instanceof AppError ? error : toAppError(error, 'BUILD_FAILED', 'The build failed');
    const stack = error instanceof AppError ? {} : { stack: error instanceof Error ? error.stack : String(error) };
    outcome = {
      kind: 'error',
      code: failure.code,
      message: failure.message,
      hint: failure.hint,
      faults: failure.faults,
      details: { ...failure.details, ...stack },
    };
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
}
