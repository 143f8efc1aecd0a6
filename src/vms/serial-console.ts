import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';

/** What a machine writes to its serial port, as it comes. */
export interface SerialConsole {
  /** Everything so far, without terminal control sequences; of a flood, the end. */
  text(): string;
  /** Characters so far, as a mark for {@link since}. */
  length(): number;
  since(mark: number): string;
  /** `performance.now()` of the last output. */
  lastOutputMs(): number;
  /** Resolves when the log file is complete. */
  closed: Promise<void>;
}

/** A machine may write without end; neither our memory nor the disk shall be filled by it. */
const maxKeptChars = 2 << 20;
const maxFileBytes = 16 << 20;

/** Escape sequences (colours, cursor moves, titles), which would tear words apart. */
// oxlint-disable-next-line no-control-regex -- that is what they are made of
const controlSequence = /\x1b(?:\[[0-9;?=]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cDEHM])/g;

/** Records a serial port to `path` and keeps it at hand. */
export function recordSerial(stream: Readable, path: string): SerialConsole {
  const file = createWriteStream(path);
  let kept = '';
  let dropped = 0;
  let written = 0;
  let lastOutputMs = performance.now();
  stream.on('data', (chunk: Buffer) => {
    lastOutputMs = performance.now();
    if (written < maxFileBytes) file.write(chunk);
    written += chunk.length;
    kept += chunk.toString('latin1');
    if (kept.length > maxKeptChars) {
      dropped += kept.length - maxKeptChars / 2;
      kept = kept.slice(-maxKeptChars / 2);
    }
  });
  // QEMU ends its side when it ends; there is nothing more to read then.
  stream.on('error', () => file.end());
  stream.on('close', () => file.end());
  const since = (mark: number): string =>
    kept
      .slice(Math.max(0, mark - dropped))
      .replaceAll(controlSequence, '')
      .replaceAll('\r', '');
  return {
    text: () => since(0),
    length: () => dropped + kept.length,
    since,
    lastOutputMs: () => lastOutputMs,
    closed: new Promise((resolve) => file.once('close', resolve)),
  };
}
