import type { Duplex } from 'node:stream';
import { EndOfFile, StreamReader } from './socket-reader.ts';

export interface FakeScreen {
  width: number;
  height: number;
  /** Four bytes a pixel: blue, green, red, none. */
  pixels: Buffer;
}

/** What clients of a fake console did. */
export interface ConsoleActivity {
  /** Keys pressed, as X11 keysyms. */
  keys: number[];
  /** Whether clients asked to share the console. */
  shared: boolean[];
}

/** A screen with a pattern that shows where each pixel comes from. */
export function patternScreen(width = 64, height = 48): FakeScreen {
  const pixels = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 4;
      pixels.set([x * 4, y * 5, (x * y) & 0xff, 0], at);
    }
  }
  return { width, height, pixels };
}

/** What a server of RFB 3.8 says first. */
export const rfbBanner = 'RFB 003.008\n';

/** Serves RFB 3.8 without authentication, in raw encoding, until the client goes. The banner has been sent already. */
export async function serveRfb(stream: Duplex, screen: FakeScreen, activity: ConsoleActivity): Promise<void> {
  const reader = new StreamReader(stream);
  try {
    const version = (await reader.read(12)).toString('latin1');
    if (version !== rfbBanner) throw new Error(`RFB: version ${JSON.stringify(version)}`);
    stream.write(Buffer.from([1, 1]));
    if ((await reader.read(1))[0] !== 1) throw new Error('RFB: security type');
    stream.write(Buffer.alloc(4));
    activity.shared.push((await reader.read(1))[0] === 1);
    stream.write(serverInit(screen));
    for (;;) await answer(reader, stream, screen, activity);
  } catch (error) {
    if (!(error instanceof EndOfFile)) stream.destroy(error as Error);
  }
}

function serverInit({ width, height }: FakeScreen): Buffer {
  const name = Buffer.from('QEMU (test)');
  const init = Buffer.alloc(24);
  init.writeUInt16BE(width, 0);
  init.writeUInt16BE(height, 2);
  // 32 bits, depth 24, big-endian off, true colour on, 255 each, shifts 16, 8, 0.
  init.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
  init.writeUInt32BE(name.length, 20);
  return Buffer.concat([init, name]);
}

async function answer(reader: StreamReader, stream: Duplex, screen: FakeScreen, activity: ConsoleActivity): Promise<void> {
  const [type] = await reader.read(1);
  switch (type) {
    case 0:
      await reader.read(19);
      break;
    case 2: {
      const head = await reader.read(3);
      await reader.read(head.readUInt16BE(1) * 4);
      break;
    }
    case 3: {
      const request = await reader.read(9);
      // Without incremental, the whole screen; with it, nothing has changed here.
      if (request[0] === 0) stream.write(update(screen));
      break;
    }
    case 4: {
      const key = await reader.read(7);
      if (key[0] === 1) activity.keys.push(key.readUInt32BE(3));
      break;
    }
    case 5:
      await reader.read(5);
      break;
    default:
      throw new Error(`RFB: message ${type}`);
  }
}

/** The screen in two rectangles, one above the other. */
function update({ width, height, pixels }: FakeScreen): Buffer {
  const half = Math.floor(height / 2);
  const rectangle = (y: number, rows: number): Buffer => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(y, 2);
    head.writeUInt16BE(width, 4);
    head.writeUInt16BE(rows, 6);
    return Buffer.concat([head, pixels.subarray(y * width * 4, (y + rows) * width * 4)]);
  };
  return Buffer.concat([Buffer.from([0, 0, 0, 2]), rectangle(0, half), rectangle(half, height - half)]);
}
