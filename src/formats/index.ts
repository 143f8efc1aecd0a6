export { ova } from './ova.ts';
export { qcow2 } from './qcow2.ts';
export { raw } from './raw.ts';
export { vhd, vhdFixed } from './vhd.ts';
export { vmdk, vmdkSparse } from './vmdk.ts';
export { xva } from './xva.ts';
