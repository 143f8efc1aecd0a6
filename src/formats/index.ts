export { qcow2 } from './qcow2.ts';
export { raw } from './raw.ts';
export { xva } from './xva.ts';
