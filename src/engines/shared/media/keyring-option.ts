import { z } from 'zod';

/** The option of every engine that starts from a vendor's file. */
export const keyringOption = z
  .string()
  .regex(/^\//, 'must be an absolute path')
  .optional()
  .describe("The file with the vendor's OpenPGP public key, where no package of this host brings it");
