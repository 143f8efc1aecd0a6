/** Writes an archive as the kernel unpacks it at boot: cpio in its "newc" form, uncompressed. */
export function archive(files: ReadonlyMap<string, Buffer>): Buffer {
  const pieces: Buffer[] = [];
  let inode = 0;
  const add = (name: string, content: Buffer): void => {
    inode += 1;
    const fields = [inode, 0o100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, Buffer.byteLength(name) + 1, 0];
    const header = `070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}${name}\0`;
    pieces.push(padded(Buffer.from(header)), padded(content));
  };
  for (const [name, content] of files) add(name, content);
  add('TRAILER!!!', Buffer.alloc(0));
  return Buffer.concat(pieces);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
