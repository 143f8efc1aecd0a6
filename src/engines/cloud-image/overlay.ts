import { open } from 'node:fs/promises';
import { formatSize } from '../../model/size.ts';
import { AppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';

const qcow2Magic = 'QFI\u00fb';

/** By its first bytes: nothing is guessed from a name. */
async function formatOf(path: string): Promise<'qcow2' | 'raw'> {
  await using file = await open(path, 'r');
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  return buffer.toString('latin1') === qcow2Magic ? 'qcow2' : 'raw';
}

/**
 * Makes a disk of `size` bytes over a vendor's image, which is only read.
 * @throws AppError IMAGE_INVALID when the image is broken or leads to other files; BUILD_FAILED when it is larger
 */
export async function makeOverlay(image: string, overlay: string, size: number, signal: AbortSignal): Promise<void> {
  const format = await formatOf(image);
  const { stdout } = await exec(['qemu-img', 'info', '--output=json', '-f', format, image], {
    signal,
    errorCode: 'IMAGE_INVALID',
    what: `Reading ${image} as ${format}`,
  });
  const info = JSON.parse(stdout) as {
    'virtual-size': number;
    'backing-filename'?: string;
    'format-specific'?: { data?: { 'data-file'?: string } };
  };
  const elsewhere = info['backing-filename'] ?? info['format-specific']?.data?.['data-file'];
  if (elsewhere !== undefined)
    throw new AppError('IMAGE_INVALID', `${image} is not whole: its data lie in ${elsewhere}`, {
      hint: 'Convert it to an image without a backing file first.',
    });
  if (info['virtual-size'] > size)
    throw new AppError(
      'BUILD_FAILED',
      `The cloud image has ${formatSize(info['virtual-size'])}, the template's disk only ${formatSize(size)}`,
      {
        hint: `Make disk.size at least ${formatSize(info['virtual-size'])}.`,
      },
    );
  // Of a larger cluster, the machine could give nothing back but the whole: what was deleted would stay in the image.
  const clusters = ['-o', 'cluster_size=4096'];
  await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', format, '-b', image, ...clusters, overlay, String(size)], {
    signal,
    errorCode: 'IMAGE_INVALID',
    what: `Opening ${image} as ${format}`,
  });
}
