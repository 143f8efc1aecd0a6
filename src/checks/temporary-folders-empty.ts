import { fileCheck } from './shared/all-files.ts';

const folders = /^\/(tmp|var\/tmp|run|proc|sys|lost\+found|mnt|media)\/./;

export const temporaryFoldersEmpty = fileCheck(
  'temporary-folders-empty',
  'Folders for temporary files and for what is mounted at boot are empty',
  ({ path, type }) =>
    folders.test(path) && (type !== 'directory' || /^\/(tmp|var\/tmp)\//.test(path))
      ? `${path} is left from the build`
      : undefined,
);
