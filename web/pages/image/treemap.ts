/** A rectangle in shares of the whole: 0 to 1. */
export interface Tile {
  name: string;
  size: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Item {
  name: string;
  size: number;
}

interface Frame {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Lays sizes out as a squarified treemap (Bruls, Huizing, van Wijk 2000): areas are true, and tiles as square as can be. `ratio` is width by height of the picture. */
export function treemap(items: readonly Item[], ratio: number): Tile[] {
  const sorted = items.filter(({ size }) => size > 0).toSorted((a, b) => b.size - a.size);
  const total = sorted.reduce((sum, { size }) => sum + size, 0);
  const tiles: Tile[] = [];
  let frame: Frame = { x: 0, y: 0, width: ratio, height: 1 };
  let rest = sorted;
  while (rest.length > 0) {
    const scale = (frame.width * frame.height) / rest.reduce((sum, { size }) => sum + size, 0);
    const side = Math.min(frame.width, frame.height);
    let count = 1;
    while (count < rest.length && worst(rest.slice(0, count + 1), side, scale) <= worst(rest.slice(0, count), side, scale))
      count += 1;
    const row = rest.slice(0, count);
    rest = rest.slice(count);
    frame = place(row, frame, scale, tiles);
  }
  return total === 0 ? [] : tiles.map((tile) => ({ ...tile, x: tile.x / ratio, width: tile.width / ratio }));
}

/** The longest side by the shortest of the least square tile of a row. */
function worst(row: readonly Item[], side: number, scale: number): number {
  const areas = row.map(({ size }) => size * scale);
  const thickness = areas.reduce((sum, area) => sum + area, 0) / side;
  return Math.max(...areas.map((area) => Math.max(thickness ** 2 / area, area / thickness ** 2)));
}

/** Puts a row along the shorter side; returns what is left of the frame. */
function place(row: readonly Item[], frame: Frame, scale: number, tiles: Tile[]): Frame {
  const area = row.reduce((sum, { size }) => sum + size, 0) * scale;
  const isColumn = frame.width >= frame.height;
  const thickness = area / (isColumn ? frame.height : frame.width);
  let at = isColumn ? frame.y : frame.x;
  for (const { name, size } of row) {
    const length = (size * scale) / thickness;
    tiles.push(
      isColumn
        ? { name, size, x: frame.x, y: at, width: thickness, height: length }
        : { name, size, x: at, y: frame.y, width: length, height: thickness },
    );
    at += length;
  }
  return isColumn
    ? { ...frame, x: frame.x + thickness, width: frame.width - thickness }
    : { ...frame, y: frame.y + thickness, height: frame.height - thickness };
}
