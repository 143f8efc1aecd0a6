/**
 * The smallest guest that does what every kernel does: a boot sector that builds page tables, enters 64-bit mode, then 10,000
 * times switches its address space and asks for the CPU's name (which only the hypervisor can answer), and says so on the
 * debug exit port. A KVM that can do this at speed can run kernels; one that is merely there gets no further, or takes far too long.
 */

const realMode = [
  'fa', // cli
  '66 31 c0', // xor eax, eax
  '8e d8', // mov ds, ax
  '8e c0', // mov es, ax
  '66 bf 00 10 00 00', // mov edi, 0x1000
  '0f 22 df', // mov cr3, edi
  'b9 00 30', // mov cx, 0x3000
  'f3 aa', // rep stosb: three empty page tables
  'c7 06 00 10 03 20', // mov word [0x1000], 0x2003
  'c7 06 00 20 03 30', // mov word [0x2000], 0x3003
  'c7 06 00 30 83 00', // mov word [0x3000], 0x0083: the first 2 MiB, one to one
  '0f 20 e0', // mov eax, cr4
  '0c 20', // or al, 0x20: physical address extension
  '0f 22 e0', // mov cr4, eax
  '66 b9 80 00 00 c0', // mov ecx, 0xc0000080: the extended feature register
  '0f 32', // rdmsr
  '80 cc 01', // or ah, 1: long mode
  '0f 30', // wrmsr
  '0f 20 c0', // mov eax, cr0
  '66 0d 01 00 00 80', // or eax, 0x80000001: protection and paging
  '0f 22 c0', // mov cr0, eax
  '66 0f 01 16 80 7c', // lgdt [0x7c80]
  'ea 54 7c 08 00', // jmp 8:0x7c54
];

const longMode = [
  'be 10 27 00 00', // mov esi, 10000
  '0f 20 d8', // again: mov rax, cr3
  '0f 22 d8', // mov cr3, rax
  '31 c0', // xor eax, eax
  '0f a2', // cpuid
  'ff ce', // dec esi
  '75 f2', // jnz again
  'b0 10', // mov al, 0x10
  'e6 f4', // out 0xf4, al
  'f4', // halt: hlt
  'eb fd', // jmp halt
];

const descriptors = [
  '66 90', // to offset 0x70
  '00 00 00 00 00 00 00 00', // no segment
  '00 00 00 00 00 9a 20 00', // 64-bit code
  '0f 00 70 7c 00 00', // where the two are, at 0x7c80
];

/** What QEMU exits with after the probe wrote 0x10 to the debug exit port: twice that, plus one. */
export const probePassed = 33;

/** 512 bytes. */
export function kvmProbeSector(): Buffer {
  const sector = Buffer.alloc(512);
  Buffer.from([...realMode, ...longMode, ...descriptors].join('').replaceAll(' ', ''), 'hex').copy(sector);
  sector.set([0x55, 0xaa], 510);
  return sector;
}
