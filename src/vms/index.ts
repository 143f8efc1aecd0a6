export { proveKvm } from './prove-kvm.ts';
export { qemu } from './qemu.ts';
