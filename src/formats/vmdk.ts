import type { Format } from '../model/format.ts';
import { openWith } from './shared/image-bytes.ts';
import { readVmdk } from './shared/vmdk/read.ts';
import { writeSparseVmdk } from './shared/vmdk/write-sparse.ts';
import { writeStreamVmdk } from './shared/vmdk/write-stream.ts';

const common = {
  mediaType: 'application/x-vmdk',
  requires: [],
  open: (path: string) => openWith(path, 'VMDK', readVmdk),
};

/** streamOptimized: compressed, for the upload to vSphere and for OVF packages. */
export const vmdk: Format = { ...common, id: 'vmdk', extension: 'vmdk', write: writeStreamVmdk };

/** monolithicSparse: for VMware Workstation, VirtualBox and QEMU, which run from it as it is. */
export const vmdkSparse: Format = { ...common, id: 'vmdk-sparse', extension: 'sparse.vmdk', write: writeSparseVmdk };
