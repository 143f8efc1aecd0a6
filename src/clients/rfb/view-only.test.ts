import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ViewOnly } from './view-only.ts';

const greeting = [Buffer.from('RFB 003.008\n'), Buffer.from([1]), Buffer.from([1])];
const update = Buffer.from([3, 0, 0, 0, 0, 0, 4, 0, 3, 0]);
const encodings = Buffer.from([2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21]);
const pixelFormat = Buffer.concat([Buffer.from([0]), Buffer.alloc(19)]);
const harmless = [
  update,
  encodings,
  pixelFormat,
  Buffer.from([150, 1, 0, 0, 0, 0, 4, 0, 3, 0]),
  Buffer.from([248, 0, 0, 0, 0, 0, 0, 1, 2, 9, 9]),
];
const acting: Record<string, Buffer> = {
  key: Buffer.from([4, 1, 0, 0, 0, 0, 0xff, 0x0d]),
  pointer: Buffer.from([5, 1, 0, 1, 0, 1]),
  clipboard: Buffer.from([6, 0, 0, 0, 0, 0, 0, 3, 97, 98, 99]),
  'extended clipboard': Buffer.from([6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 1, 0, 0, 1]),
  'desktop size': Buffer.concat([Buffer.from([251, 0, 4, 0, 3, 0, 1, 0]), Buffer.alloc(16)]),
  'extended key': Buffer.from([255, 0, 0, 1, 0, 0, 0, 65, 0, 0, 0, 30]),
};

test.each(Object.entries(acting))('%s: does not get through, however it is cut', (_, message) => {
  const stream = Buffer.concat([...greeting, update, message, ...harmless, message, update]);
  const wanted = Buffer.concat([...greeting, update, ...harmless, update]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 20 }), (cuts) => {
      const filter = new ViewOnly();
      const places = [...new Set([0, ...cuts, stream.length])].toSorted((a, b) => a - b);
      const passed = places.slice(1).map((to, index) => filter.pass(stream.subarray(places[index] ?? 0, to)));
      expect(Buffer.concat(passed)).toEqual(wanted);
    }),
  );
});

test('it asks to share the screen, whatever it asked', () => {
  const filter = new ViewOnly();
  expect(filter.pass(Buffer.concat([greeting[0] as Buffer, Buffer.from([1, 0])])).at(-1)).toBe(1);
});

test.each([
  ['an older version', [Buffer.from('RFB 003.003\n')]],
  ['no RFB', [Buffer.from('GET / HTTP/1.1\r\n')]],
  ['a login', [greeting[0], Buffer.from([2])]],
  ['an unknown message', [...greeting, Buffer.from([7, 0])]],
  ['audio', [...greeting, Buffer.from([255, 1, 0, 0])]],
])('refused: %s', (_, parts) => {
  expect(() => new ViewOnly().pass(Buffer.concat(parts as Buffer[]))).toThrow();
});

test('a message that announces more than anybody sends ends it', () => {
  const filter = new ViewOnly();
  filter.pass(Buffer.concat(greeting));
  filter.pass(Buffer.from([6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]));
  expect(() => {
    for (let sent = 0; sent < 4; sent += 1) filter.pass(Buffer.alloc(1 << 19));
  }).toThrow('too long');
});
