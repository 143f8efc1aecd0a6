import { fileCheck } from './shared/all-files.ts';

const rotated = /(\.(gz|xz|zst|bz2|old|\d{1,3})|-\d{8})$/;

export const logsEmpty = fileCheck('logs-empty', 'Logs are empty', ({ path, type, size }) => {
  if (!path.startsWith('/var/log/') || type === 'directory' || type === 'symlink') return undefined;
  if (path.startsWith('/var/log/journal/')) return `${path} is a journal of another machine`;
  if (rotated.test(path)) return `${path} is an old log`;
  return size > 0 ? `${path} holds ${size} bytes` : undefined;
});
