import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { sshPort } from '../model/ssh-port.ts';
import type { MachineRequest } from '../model/machine.ts';

/** Descriptors that a machine is born with: sockets to its monitor and its serial port, which need no names and end with either side. */
export const monitorDescriptor = 3;
export const serialDescriptor = 4;
/** Of a second serial port, where there is one. */
export const logDescriptor = 5;

/** In the range for locally administered addresses that QEMU uses. */
export function randomMac(): string {
  return ['52', '54', '00', ...(randomBytes(3).toString('hex').match(/../g) ?? [])].join(':');
}

/** A comma ends a value of QEMU's options, unless it is doubled. */
export function optionValue(text: string): string {
  return text.replaceAll(',', ',,');
}

/** The longest name that a socket may have, with its end. */
const mostPath = 107;

/** A screen that others look at: only who may enter the folder. A name that is too long for a socket gives none. */
function screenArguments({ consoleDir, name }: Pick<MachineRequest, 'consoleDir' | 'name'>): string[] {
  const socket = consoleDir === undefined ? undefined : join(consoleDir, `${name}.vnc`);
  return socket === undefined || Buffer.byteLength(socket) > mostPath
    ? []
    : ['-vnc', `unix:${optionValue(socket)},share=force-shared`];
}

/**
 * The command line of one machine. Its disk is `overlay`, a qcow2 file over the image; `firmware` are the arguments of its
 * firmware. It ends with us, even when we are killed (setpriv), and reaches the host only through a port on 127.0.0.1.
 */
export function qemuArguments(request: MachineRequest, overlay: string, seed: string | undefined, firmware: string[]): string[] {
  const { accelerator } = request.acceleration;
  const uuid = randomUUID();
  return [
    ['setpriv', '--pdeathsig', 'KILL', 'qemu-system-x86_64', '-name', request.name],
    // With graphics off, the BIOS and its boot loader speak to the serial port too; the screen stays, for a screenshot.
    ['-machine', `q35,graphics=off,smm=${request.firmware === 'uefi-secure-boot' ? 'on' : 'off'}`],
    accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ['-smp', String(request.cpus), '-m', String(request.memoryMiB)],
    firmware,
    ['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'std'],
    screenArguments(request),
    ['-uuid', uuid, '-smbios', `type=1,manufacturer=Gabarit,product=Throwaway machine,serial=${uuid}`],
    ['-chardev', `socket,id=monitor,fd=${monitorDescriptor}`, '-mon', 'chardev=monitor,mode=control'],
    ['-chardev', `socket,id=serial,fd=${serialDescriptor}`, '-serial', 'chardev:serial'],
    ['-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng'],
    ['-drive', `if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,file=${optionValue(overlay)}`],
    ['-device', 'virtio-blk-pci,drive=disk,bootindex=0'],
    seed === undefined
      ? []
      : ['-drive', `if=none,id=seed,format=raw,readonly=on,file=${optionValue(seed)}`, '-device', 'virtio-blk-pci,drive=seed'],
    // Port 0: the kernel chooses a free one.
    ['-netdev', `user,id=network,hostfwd=tcp:127.0.0.1:0-:${sshPort(request.plan)}`],
    ['-device', `virtio-net-pci,netdev=network,mac=${randomMac()},romfile=`],
  ].flat();
}
