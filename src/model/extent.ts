/** A range of bytes: `start` included, `end` not. */
export interface Extent {
  start: number;
  end: number;
}
