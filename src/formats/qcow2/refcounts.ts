/** How often each cluster of the file is used. Grows with the file: 2 bytes a cluster. */
export class Refcounts {
  readonly #clusterSize: number;
  #counts = new Uint16Array(1024);

  constructor(clusterSize: number) {
    this.#clusterSize = clusterSize;
  }

  /** Counts one use of every cluster that a range of bytes touches. */
  add(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / this.#clusterSize);
    this.#grow(last + 1);
    for (let cluster = Math.floor(offset / this.#clusterSize); cluster <= last; cluster += 1) {
      this.#counts[cluster] = (this.#counts[cluster] ?? 0) + 1;
    }
  }

  #grow(length: number): void {
    if (length <= this.#counts.length) return;
    const counts = new Uint16Array(Math.max(length, this.#counts.length * 2));
    counts.set(this.#counts);
    this.#counts = counts;
  }

  /** The refcount blocks and their table, as whole clusters to be placed at `offset`, counting themselves too. */
  encode(offset: number): { blocks: Buffer; table: Buffer; tableOffset: number } {
    const size = this.#clusterSize;
    const perBlock = size / 2;
    const used = offset / size;
    let blockCount = 0;
    let tableClusters = 1;
    // More blocks make a longer file, which may need more blocks.
    for (;;) {
      const needed = Math.ceil((used + blockCount + tableClusters) / perBlock);
      const neededTable = Math.ceil((needed * 8) / size);
      if (needed === blockCount && neededTable === tableClusters) break;
      blockCount = needed;
      tableClusters = neededTable;
    }
    this.add(offset, (blockCount + tableClusters) * size);
    const blocks = Buffer.alloc(blockCount * size);
    for (let cluster = 0; cluster < used + blockCount + tableClusters; cluster += 1) {
      blocks.writeUInt16BE(this.#counts[cluster] ?? 0, cluster * 2);
    }
    const table = Buffer.alloc(tableClusters * size);
    for (let block = 0; block < blockCount; block += 1) {
      table.writeBigUInt64BE(BigInt(offset + block * size), block * 8);
    }
    return { blocks, table, tableOffset: offset + blockCount * size };
  }
}
