import { fileCheck } from './shared/all-files.ts';

/** Harmless ones, that some tools make for containers. */
const standard = /^\/dev\/(console|full|null|ptmx|random|tty|urandom|zero)$/;

export const deviceFilesAbsent = fileCheck(
  'device-files-absent',
  'No device files are stored: the kernel makes them',
  ({ path, type }) =>
    (type === 'block' || type === 'character') && !standard.test(path) ? `${path} is a device file (${type})` : undefined,
);
