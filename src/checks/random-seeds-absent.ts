import { absentCheck } from './shared/all-files.ts';

export const randomSeedsAbsent = absentCheck(
  'random-seeds-absent',
  'No seed of random numbers and no host secret is shared by all machines',
  [
    /^\/var\/lib\/systemd\/(random-seed|credential\.secret)$/,
    /^\/var\/lib\/(urandom|random-seed)\/random-seed$/,
    /^\/var\/lib\/misc\/random-seed$/,
    /^\/(boot|efi)(\/efi)?\/loader\/random-seed$/,
    /^\/var\/lib\/systemd\/tpm2-/,
  ],
  'would be the same on every machine',
);
