import { z } from 'zod';

/** The exact packages of an image, as apt resolved them from signed indexes. */

export const lockedPackageSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  /** `amd64` or `all`. */
  architecture: z.string(),
  /** 64 hex digits: of the .deb. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Bytes of the .deb. */
  size: z.int(),
  /** Which of the lock's repositories it comes from. */
  repository: z.string(),
  /** Its path below the repository's URI. */
  path: z.string(),
  /** `image`: installed. `tools`: only unpacked beside the image, to make its disk (the boot loader of a minimal image). */
  role: z.enum(['image', 'tools']),
});
export type LockedPackage = z.infer<typeof lockedPackageSchema>;

export const lockedRepositorySchema = z.strictObject({
  id: z.string(),
  uri: z.string(),
  suite: z.string(),
  components: z.array(z.string()),
  /** 64 hex digits: of the InRelease file that apt verified. */
  inReleaseSha256: z.string(),
  /** Seconds since 1970: the Date of that file. */
  date: z.int(),
});
export type LockedRepository = z.infer<typeof lockedRepositorySchema>;

export const lockSchema = z.strictObject({
  repositories: z.array(lockedRepositorySchema),
  /** In apt's order of installation. */
  packages: z.array(lockedPackageSchema),
});
export type Lock = z.infer<typeof lockSchema>;
