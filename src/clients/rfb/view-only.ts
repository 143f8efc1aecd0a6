/**
 * What a client of RFB may send when it only looks: the greeting, and which pictures it wants. Keys, pointer, clipboard and everything that is
 * not known are left out.
 */
export class ViewOnly {
  #rest = Buffer.alloc(0);
  #greeting: 'version' | 'security' | 'init' | 'done' = 'version';

  /** The bytes to pass on. @throws Error for what is no RFB 3.8, after which nothing may be passed on */
  pass(bytes: Uint8Array): Buffer {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    // A message of a client that looks is short.
    if (this.#rest.length > 1 << 20) throw new Error('a message is too long');
    const passed: Buffer[] = [];
    for (let part = this.#next(); part; part = this.#next()) if (part.isAllowed) passed.push(part.bytes);
    return Buffer.concat(passed);
  }

  #next(): { bytes: Buffer; isAllowed: boolean } | undefined {
    const { length, isAllowed, after } = this.#message();
    if (length === undefined || this.#rest.length < length) return undefined;
    const bytes = Buffer.from(this.#rest.subarray(0, length));
    this.#rest = this.#rest.subarray(length);
    after?.(bytes);
    return { bytes, isAllowed };
  }

  #message(): { length: number | undefined; isAllowed: boolean; after?: (bytes: Buffer) => void } {
    switch (this.#greeting) {
      case 'version':
        return {
          length: 12,
          isAllowed: true,
          after: (bytes) => {
            if (bytes.toString('latin1') !== 'RFB 003.008\n') throw new Error('it is no RFB 3.8');
            this.#greeting = 'security';
          },
        };
      case 'security':
        return {
          length: 1,
          isAllowed: true,
          after: ([type]) => {
            if (type !== 1) throw new Error('it asks for a way to log in');
            this.#greeting = 'init';
          },
        };
      case 'init':
        return {
          length: 1,
          isAllowed: true,
          after: (bytes) => {
            // Shared: it must not throw others out.
            bytes[0] = 1;
            this.#greeting = 'done';
          },
        };
      default:
        return messageOf(this.#rest);
    }
  }
}

/** A client's message by its first bytes; the length is undefined as long as it is not known. */
function messageOf(bytes: Buffer): { length: number | undefined; isAllowed: boolean } {
  const [type, sub] = bytes;
  const after = (head: number, more: () => number): number | undefined => (bytes.length < head ? undefined : head + more());
  switch (type) {
    case undefined:
      return { length: undefined, isAllowed: false };
    case 0: // SetPixelFormat
      return { length: 20, isAllowed: true };
    case 2: // SetEncodings
      return { length: after(4, () => bytes.readUInt16BE(2) * 4), isAllowed: true };
    case 3: // FramebufferUpdateRequest
      return { length: 10, isAllowed: true };
    case 4: // KeyEvent
      return { length: 8, isAllowed: false };
    case 5: // PointerEvent
      return { length: 6, isAllowed: false };
    case 6: // ClientCutText; a negative length announces an extended one
      return { length: after(8, () => Math.abs(bytes.readInt32BE(4))), isAllowed: false };
    case 150: // EnableContinuousUpdates
      return { length: 10, isAllowed: true };
    case 248: // ClientFence
      return { length: after(9, () => bytes.readUInt8(8)), isAllowed: true };
    case 251: // SetDesktopSize
      return { length: after(8, () => bytes.readUInt8(6) * 16), isAllowed: false };
    case 255: // QEMU: extended key event
      if (sub === undefined) return { length: undefined, isAllowed: false };
      if (sub === 0) return { length: 12, isAllowed: false };
  }
  throw new Error(`a message of the type ${type} is not known`);
}
