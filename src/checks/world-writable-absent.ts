import { fileCheck } from './shared/all-files.ts';

const shared = /^\/(tmp|var\/tmp|run\/lock|var\/lock|dev\/shm|dev\/mqueue)$/;
const standardDevice = /^\/dev\/(full|null|ptmx|random|tty|urandom|zero)$/;

export const worldWritableAbsent = fileCheck(
  'world-writable-absent',
  'Nothing can be written by everybody',
  ({ path, type, mode }) => {
    if (type === 'symlink' || (mode & 0o002) === 0) return undefined;
    if (shared.test(path) && (mode & 0o1000) !== 0) return undefined;
    if (standardDevice.test(path) && type === 'character') return undefined;
    return `${path} can be written by everybody (mode ${mode.toString(8)})`;
  },
);
