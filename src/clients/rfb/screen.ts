import { AppError } from '../../util/errors.ts';

/** What a console shows: three bytes a pixel, red, green, blue, row after row from the top left. */
export interface Picture {
  width: number;
  height: number;
  rgb: Buffer;
}

/** A part of the screen that a server sends. */
export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Larger screens are a broken or hostile server. */
const maxPixels = 64 * 1024 * 1024;

/** The screen as it comes in, rectangle by rectangle. */
export class Screen {
  readonly width: number;
  readonly height: number;
  readonly #rgb: Buffer;
  readonly #seen: Uint8Array;
  #missing: number;

  /** @throws AppError TARGET_FAILED for a size that no screen has */
  constructor(width: number, height: number) {
    if (width * height > maxPixels) throw new AppError('TARGET_FAILED', `The console claims to have ${width}x${height} pixels`);
    this.width = width;
    this.height = height;
    this.#rgb = Buffer.alloc(width * height * 3);
    this.#seen = new Uint8Array(width * height);
    this.#missing = width * height;
  }

  /** Whether every pixel has come. */
  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** @throws AppError TARGET_FAILED when it does not lie on the screen */
  checkFits({ x, y, width, height }: Rectangle): void {
    if (x + width <= this.width && y + height <= this.height) return;
    throw new AppError(
      'TARGET_FAILED',
      `The console sends a part of the screen that does not lie on it (${width}x${height} at ${x},${y})`,
    );
  }

  /** Takes one row of a rectangle: four bytes a pixel, blue, green, red, nothing. */
  putRow(x: number, y: number, row: Buffer): void {
    for (let from = 0, at = y * this.width + x; from < row.length; from += 4, at += 1) {
      this.#rgb[at * 3] = row[from + 2] ?? 0;
      this.#rgb[at * 3 + 1] = row[from + 1] ?? 0;
      this.#rgb[at * 3 + 2] = row[from] ?? 0;
      if (this.#seen[at] === 1) continue;
      this.#seen[at] = 1;
      this.#missing -= 1;
    }
  }

  picture(): Picture {
    return { width: this.width, height: this.height, rgb: Buffer.from(this.#rgb) };
  }
}
