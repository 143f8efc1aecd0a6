import type { Format } from '../model/format.ts';
import { inspecting, openWith } from './shared/image-bytes.ts';
import { isDescriptor } from './shared/vmdk/descriptor.ts';
import { kindOf } from './shared/vmdk/header.ts';
import { inspectVmdk } from './shared/vmdk/inspect.ts';
import { readVmdk } from './shared/vmdk/read.ts';
import { writeSparseVmdk } from './shared/vmdk/write-sparse.ts';
import { writeStreamVmdk } from './shared/vmdk/write-stream.ts';

const common = {
  mediaType: 'application/x-vmdk',
  requires: [],
  open: (path: string) => openWith(path, 'VMDK', readVmdk),
  inspect: inspecting('VMDK', inspectVmdk),
};

/** streamOptimized: compressed, for the upload to vSphere and for OVF packages. */
export const vmdk: Format = {
  ...common,
  id: 'vmdk',
  extension: 'vmdk',
  usesAllCores: true,
  write: writeStreamVmdk,
  recognizes: ({ head }) => kindOf(head) === 'compressed' || isDescriptor(head),
};

/** monolithicSparse: for VMware Workstation, VirtualBox and QEMU, which run from it as it is. */
export const vmdkSparse: Format = {
  ...common,
  id: 'vmdk-sparse',
  extension: 'sparse.vmdk',
  write: writeSparseVmdk,
  recognizes: ({ head }) => kindOf(head) === 'sparse',
};
