import { expect, test } from 'vitest';
import { parsePackerLine, spokenLines } from './machine-readable.ts';

/** Lines that Packer 1.6.6 wrote here. */
test.each([
  ['1795643897,,ui,say,==> qemu.image: Retrieving ISO', ['Retrieving ISO']],
  [
    '1795643898,,ui,say,==> qemu.image: Found port for communicator (SSH%!(PACKER_COMMA) WinRM%!(PACKER_COMMA) etc): 20093.',
    ['Found port for communicator (SSH, WinRM, etc): 20093.'],
  ],
  [
    '1795643898,,ui,message,    qemu.image: The VM will be run headless%!(PACKER_COMMA) without a GUI. If you want to\\n    qemu.image: view the screen',
    ['The VM will be run headless, without a GUI. If you want to', 'view the screen'],
  ],
  ['1795645122,,ui,say,\\n==> Wait completed after 2 minutes 29 seconds', ['==> Wait completed after 2 minutes 29 seconds']],
  ['1795645122,qemu.image,artifact-count,1', []],
  ['1795644456,qemu.image,error,Timeout waiting for SSH.', ['Timeout waiting for SSH.']],
])('%s', (line, words) => {
  const parsed = parsePackerLine(line);
  expect(parsed).toBeDefined();
  expect(parsed && spokenLines(parsed)).toEqual(words);
});

test('what is no such line is told apart', () => {
  expect(parsePackerLine('panic: runtime error: invalid memory address')).toBeUndefined();
  expect(parsePackerLine('1795645122,qemu.image,artifact,0,end')).toEqual({
    target: 'qemu.image',
    type: 'artifact',
    data: ['0', 'end'],
  });
});
