import { type Builder, buildUser, variable } from '../builder.ts';

/** On this machine, from a disk image: no installer, no screen, no typing. */
export const qemu: Builder = {
  id: 'qemu',
  from: 'image',
  platform: 'kvm',
  plugin: { name: 'qemu', source: 'github.com/hashicorp/qemu', version: '1.0.9', bundled: true },
  variables: {
    accelerator: { description: 'kvm, or tcg where the host has no KVM (slow)', default: 'kvm' },
    output_directory: { description: 'Where the disk is written; must not exist yet', default: 'output' },
    host_port_min: { description: 'The first port on 127.0.0.1 to try for SSH into the machine', default: 21000 },
    host_port_max: { description: 'The last one', default: 21999 },
    qemu_binary: { description: 'The QEMU to run', default: 'qemu-system-x86_64' },
  },
  source(facts) {
    const { memoryMiB, cpus, diskMiB, sshTimeout, isoUrl, isoChecksum } = facts;
    const cpu = `\${var.accelerator == "kvm" ? "host" : "max"}`;
    return {
      iso_url: isoUrl,
      iso_checksum: isoChecksum,
      disk_image: true,
      disk_size: `${diskMiB}M`,
      format: 'raw',
      output_directory: variable('output_directory'),
      vm_name: 'disk.raw',
      qemu_binary: variable('qemu_binary'),
      accelerator: variable('accelerator'),
      machine_type: 'q35',
      memory: memoryMiB,
      cpus,
      disk_interface: 'virtio',
      disk_cache: 'unsafe',
      disk_discard: 'unmap',
      disk_detect_zeroes: 'unmap',
      headless: true,
      disable_vnc: true,
      host_port_min: variable('host_port_min'),
      host_port_max: variable('host_port_max'),
      qemuargs: [
        ['-cpu', cpu],
        ['-serial', 'file:serial.log'],
        ['-vnc', 'none'],
        // By itself Packer would let the whole network reach the machine.
        ['-netdev', 'user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22'],
        // Not a CD: kernels for clouds have no drivers for those. Behind the disk, as firmware starts the first one that it finds.
        ['-blockdev', 'driver=file,node-name=seed,read-only=on,filename=seed.iso'],
        ['-device', 'virtio-blk-pci,drive=seed,addr=0x10'],
      ],
      communicator: 'ssh',
      ssh_username: buildUser,
      ssh_private_key_file: variable('ssh_private_key_file'),
      ssh_timeout: sshTimeout,
    };
  },
};
