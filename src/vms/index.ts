export { proveKvm } from './prove-kvm.ts';
export { qemu, qemuHost } from './qemu.ts';
