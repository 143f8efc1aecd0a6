import type { Duplex } from 'node:stream';
import { AppError } from '../util/errors.ts';

/** A connection to QEMU's monitor (QMP: JSON objects, one a line). */
export interface Qmp {
  /** Runs a command and returns what QEMU answers. @throws AppError COMMAND_FAILED */
  execute(command: string, parameters?: Record<string, unknown>): Promise<unknown>;
  /** Called with the name of every event (`RESET`, `SHUTDOWN`). */
  onEvent(listener: (name: string) => void): void;
}

interface Message {
  QMP?: unknown;
  event?: string;
  id?: number;
  return?: unknown;
  error?: { desc?: string };
}

interface Waiting {
  command: string;
  resolve: (value: unknown) => void;
  reject: (error: AppError) => void;
}

function parse(line: string): Message {
  try {
    return JSON.parse(line) as Message;
  } catch (error) {
    throw new AppError('COMMAND_FAILED', `QEMU's monitor sent something that is not JSON: ${line.slice(0, 80)}`, {
      cause: error,
    });
  }
}

/**
 * Takes a connected stream to QEMU's monitor and makes it ready for commands.
 * @throws AppError COMMAND_FAILED when it ends first
 */
export async function openQmp(stream: Duplex): Promise<Qmp> {
  const waiting = new Map<number, Waiting>();
  const listeners: ((name: string) => void)[] = [];
  let next = 0;
  let broken: AppError | undefined;
  let greeted = (): void => undefined;
  const greeting = new Promise<void>((resolve) => {
    greeted = resolve;
  });

  const breakOff = (error: AppError): void => {
    broken ??= error;
    greeted();
    for (const { reject } of waiting.values()) reject(broken);
    waiting.clear();
  };
  const take = (message: Message): void => {
    if (message.QMP !== undefined) greeted();
    if (message.event !== undefined) for (const listener of listeners) listener(message.event);
    const request = message.id === undefined ? undefined : waiting.get(message.id);
    if (!request || message.id === undefined) return;
    waiting.delete(message.id);
    if (!message.error) request.resolve(message.return);
    else
      request.reject(
        new AppError('COMMAND_FAILED', `QEMU refused "${request.command}": ${message.error.desc ?? 'no reason given'}`),
      );
  };
  stream.on('error', (error) => breakOff(new AppError('COMMAND_FAILED', 'QEMU has ended', { cause: error })));
  stream.on('close', () => breakOff(new AppError('COMMAND_FAILED', 'QEMU has ended')));
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    try {
      for (const line of lines) if (line.trim() !== '') take(parse(line));
    } catch (error) {
      breakOff(error as AppError);
      stream.destroy();
    }
  });

  const execute = (command: string, parameters: Record<string, unknown> = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (broken) {
        reject(broken);
        return;
      }
      next += 1;
      waiting.set(next, { command, resolve, reject });
      stream.write(`${JSON.stringify({ execute: command, arguments: parameters, id: next })}\n`);
    });

  await greeting;
  await execute('qmp_capabilities');
  return { execute, onEvent: (listener) => void listeners.push(listener) };
}
