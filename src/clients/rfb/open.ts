import type { Duplex } from 'node:stream';
import { AppError } from '../../util/errors.ts';
import { type ExactReader, readExactly } from './exact-reader.ts';
import { keyOf, keys } from './keys.ts';
import { type Picture, Screen } from './screen.ts';

export interface RfbOptions {
  signal?: AbortSignal;
  /** How long the server may take for its part of the greeting, and for a picture; 15 s by default. */
  timeoutMs?: number;
}

/** A console that is open, shared with whoever else is looking. */
export interface Rfb {
  /** What the server calls itself: `QEMU (debian)`. */
  readonly name: string;
  /** False as soon as the connection has ended. */
  readonly isOpen: boolean;
  /** The whole screen as it is now. @throws AppError TIMEOUT, TARGET_UNREACHABLE, TARGET_FAILED */
  capture(): Promise<Picture>;
  /**
   * Presses keys at the same time, and lets go of them: `press(keys.control, keys.alt, keys.delete)`.
   * @throws AppError TARGET_UNREACHABLE when the connection has ended
   */
  press(...keysyms: number[]): void;
  /** Types a text. Characters that the guest's keyboard does not have are its problem. */
  type(text: string): void;
  close(): void;
}

const defaultTimeoutMs = 15_000;
const rawEncoding = 0;
const desktopSize = -223;

/**
 * Greets a server of RFB (3.3, 3.7 or 3.8, without a password, as consoles of XAPI and QEMU are).
 * @throws AppError TARGET_FAILED when it is no server of RFB; TARGET_DENIED when it refuses us or wants a password; TIMEOUT;
 *   TARGET_UNREACHABLE; CANCELLED. The stream is destroyed then.
 */
export async function openRfb(stream: Duplex, { signal, timeoutMs = defaultTimeoutMs }: RfbOptions = {}): Promise<Rfb> {
  // What breaks is seen by whoever reads next.
  stream.on('error', () => undefined);
  const reader = readExactly(stream);
  const guarded = <T>(what: string, work: () => Promise<T>): Promise<T> => withDeadline(stream, what, timeoutMs, signal, work);
  const greeted = await guarded('The console did not greet', () => greet(stream, reader));
  const view: View = { screen: greeted.screen };
  let ended: unknown;
  let capturing: Promise<unknown> = Promise.resolve();
  // Always read, so that the end of the connection is seen at once, and not when the next key is lost.
  const listen = async (): Promise<void> => {
    for (;;) {
      await takeMessage(stream, reader, view);
      if (view.screen.isComplete) view.onComplete?.();
    }
  };
  listen().catch((error: unknown) => {
    ended = error;
    stream.destroy();
    view.onEnd?.(error);
  });

  const takePicture = async (): Promise<Picture> => {
    if (ended !== undefined) throw ended;
    view.screen = new Screen(view.screen.width, view.screen.height);
    const complete = new Promise<void>((resolve, reject) => {
      view.onComplete = resolve;
      view.onEnd = reject;
    });
    askForAll(stream, view.screen);
    try {
      await complete;
      return view.screen.picture();
    } finally {
      delete view.onComplete;
      delete view.onEnd;
    }
  };
  const key = (keysym: number, down: boolean): void => {
    const message = Buffer.from([4, down ? 1 : 0, 0, 0, 0, 0, 0, 0]);
    message.writeUInt32BE(keysym, 4);
    stream.write(message);
  };
  const rfb: Rfb = {
    name: greeted.name,
    get isOpen() {
      return ended === undefined && !stream.destroyed;
    },
    async capture() {
      // One after the other: they share the screen.
      const before = capturing;
      const capture = (async () => {
        await before.catch(() => undefined);
        return guarded('The console did not show its screen', takePicture);
      })();
      capturing = capture;
      return capture;
    },
    press(...keysyms) {
      if (!rfb.isOpen) throw ended ?? new AppError('TARGET_UNREACHABLE', 'The connection to the console has ended');
      for (const keysym of keysyms) key(keysym, true);
      for (const keysym of keysyms.toReversed()) key(keysym, false);
    },
    type(text) {
      for (const character of text) {
        const { keysym, withShift } = keyOf(character);
        rfb.press(...(withShift ? [keys.shift, keysym] : [keysym]));
      }
    },
    close: () => void stream.destroy(),
  };
  return rfb;
}

/** The screen that is being filled, and who waits for it. */
interface View {
  screen: Screen;
  onComplete?: () => void;
  onEnd?: (error: unknown) => void;
}

/** Runs `work`; when it fails, takes too long or is cancelled, the stream is of no use any more. */
async function withDeadline<T>(
  stream: Duplex,
  what: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  let timedOut = false;
  const onAbort = (): void => void stream.destroy();
  const timer = setTimeout(() => {
    timedOut = true;
    stream.destroy();
  }, timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal?.aborted) throw signal.reason;
    return await work();
  } catch (error) {
    stream.destroy();
    if (signal?.aborted) throw new AppError('CANCELLED', 'Cancelled', { cause: signal.reason });
    if (timedOut) throw new AppError('TIMEOUT', `${what} within ${timeoutMs / 1000} s`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

async function greet(stream: Duplex, reader: ExactReader): Promise<{ name: string; screen: Screen }> {
  const banner = (await reader.read(12)).toString('latin1');
  const minor = Number(/^RFB 003\.(\d{3})\n$/.exec(banner)?.[1]);
  if (Number.isNaN(minor)) {
    throw new AppError('TARGET_FAILED', `The console does not speak RFB 3: it says ${JSON.stringify(banner)}`);
  }
  const spoken = minor >= 8 ? 8 : minor === 7 ? 7 : 3;
  stream.write(`RFB 003.00${spoken}\n`);
  await agreeOnSecurity(stream, reader, spoken);
  // One: others may go on looking.
  stream.write(Buffer.from([1]));
  const init = await reader.read(24);
  const screen = new Screen(init.readUInt16BE(0), init.readUInt16BE(2));
  const name = (await reader.read(lengthOf(init.readUInt32BE(20)))).toString('utf8');
  stream.write(Buffer.concat([pixelFormat(), encodings()]));
  return { name, screen };
}

async function agreeOnSecurity(stream: Duplex, reader: ExactReader, spoken: 3 | 7 | 8): Promise<void> {
  if (spoken === 3) {
    const type = (await reader.read(4)).readUInt32BE();
    if (type === 0) throw refused(await readReason(reader));
    if (type !== 1) throw needsPassword();
    return;
  }
  const count = (await reader.read(1))[0] ?? 0;
  if (count === 0) throw refused(await readReason(reader));
  if (!(await reader.read(count)).includes(1)) throw needsPassword();
  stream.write(Buffer.from([1]));
  if (spoken === 8 && (await reader.read(4)).readUInt32BE() !== 0) throw refused(await readReason(reader));
}

async function readReason(reader: ExactReader): Promise<string> {
  const length = (await reader.read(4)).readUInt32BE();
  return (await reader.read(lengthOf(length))).toString('utf8');
}

/** Names and reasons are short; a server that says otherwise is not waited for. */
function lengthOf(length: number): number {
  if (length > 64 * 1024) throw new AppError('TARGET_FAILED', `The console announces a text of ${length} bytes`);
  return length;
}

function refused(reason: string): AppError {
  return new AppError('TARGET_DENIED', `The console refuses us: ${reason}`);
}

function needsPassword(): AppError {
  return new AppError('TARGET_DENIED', 'The console wants a password, which consoles of XAPI do not');
}

/** 32 bits a pixel, blue first. */
function pixelFormat(): Buffer {
  return Buffer.from([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
}

function encodings(): Buffer {
  const message = Buffer.from([2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
  message.writeInt32BE(rawEncoding, 4);
  message.writeInt32BE(desktopSize, 8);
  return message;
}

function askForAll(stream: Duplex, { width, height }: Screen): void {
  const message = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  message.writeUInt16BE(width, 6);
  message.writeUInt16BE(height, 8);
  stream.write(message);
}

/** Takes one message of the server. */
async function takeMessage(stream: Duplex, reader: ExactReader, view: View): Promise<void> {
  const type = (await reader.read(1))[0];
  switch (type) {
    case 0:
      await takeUpdate(stream, reader, view);
      break;
    case 1: {
      const head = await reader.read(5);
      await reader.read(head.readUInt16BE(3) * 6);
      break;
    }
    case 2:
      break;
    case 3: {
      const head = await reader.read(7);
      await skip(reader, head.readUInt32BE(3));
      break;
    }
    default:
      throw new AppError('TARGET_FAILED', `The console sent something that is not RFB (message ${type})`);
  }
}

async function skip(reader: ExactReader, length: number): Promise<void> {
  for (let left = length; left > 0; left -= Math.min(left, 65_536)) await reader.read(Math.min(left, 65_536));
}

async function takeUpdate(stream: Duplex, reader: ExactReader, view: View): Promise<void> {
  const count = (await reader.read(3)).readUInt16BE(1);
  for (let index = 0; index < count; index += 1) {
    const head = await reader.read(12);
    const [x, y] = [head.readUInt16BE(0), head.readUInt16BE(2)];
    const [width, height] = [head.readUInt16BE(4), head.readUInt16BE(6)];
    const encoding = head.readInt32BE(8);
    if (encoding === desktopSize) {
      view.screen = new Screen(width, height);
      if (view.onComplete) askForAll(stream, view.screen);
      continue;
    }
    if (encoding !== rawEncoding) {
      throw new AppError('TARGET_FAILED', `The console uses an encoding that we did not ask for (${encoding})`);
    }
    view.screen.checkFits({ x, y, width, height });
    for (let row = 0; row < height; row += 1) view.screen.putRow(x, y + row, await reader.read(width * 4));
  }
}
