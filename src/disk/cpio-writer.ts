/** A cpio archive in the form that Linux reads initial ramdisks in ("newc"): several of them, packed or not, may follow each other. */

const trailer = 'TRAILER!!!';
const regularFile = 0o100_000;

/** An archive of regular files at its root, owned by root, mode 0644, without times. Text is UTF-8. */
export function cpioArchive(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const entries = Object.entries(files).map(([name, content], index) =>
    entry(name, Buffer.from(content), regularFile | 0o644, index + 1),
  );
  return padded(Buffer.concat([...entries, entry(trailer, Buffer.alloc(0), 0, 0)]), 512);
}

function entry(name: string, content: Buffer, mode: number, inode: number): Buffer {
  const bytes = Buffer.from(`${name}\0`);
  const links = 1;
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, bytes.length, 0];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(head), bytes]), 4), padded(content, 4)]);
}

function padded(bytes: Buffer, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((to - (bytes.length % to)) % to)]);
}
