import { absentCheck } from './shared/all-files.ts';

export const sshFoldersEmpty = absentCheck(
  'ssh-folders-empty',
  'Nobody has authorized keys or other SSH files',
  [
    /\/\.ssh\/./,
    /\/authorized_keys2?$/,
    /\/known_hosts(\.old)?$/,
    /^\/etc\/ssh\/authorized_keys/,
    /^\/etc\/ssh\/ssh_known_hosts/,
  ],
  'would let somebody in or tells who was there',
);
