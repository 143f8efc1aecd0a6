import { z } from 'zod';

/** What a disk is made from instead of packages: a disk image, or an installation medium. */

export const mediumDigest = z
  .string()
  .regex(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, 'must be sha256: or sha512: and the digest in lower-case hex digits');

export const mediumSchema = z.strictObject({
  kind: z.enum(['image', 'iso']),
  url: z.string(),
  digest: mediumDigest,
  /** Who vouches for the digest: an OpenPGP fingerprint and when it was signed (seconds since 1970). Absent: the definition gives the digest. */
  signed: z.strictObject({ fingerprint: z.string(), date: z.int() }).optional(),
  /** Of a network installer, whose medium is its initial ramdisk: the kernel that belongs to it. */
  kernel: z.strictObject({ url: z.string(), digest: mediumDigest }).optional(),
});
/** A medium, pinned. */
export type Medium = z.infer<typeof mediumSchema>;

const url = z.url({ protocol: /^(https?|file)$/, error: 'must be a URL that begins with http://, https:// or file://' });

/** How a definition names one: by its digest, or by a signed file of digests. */
export const mediumSourceSchema = z
  .strictObject({
    url: url.describe('The image or medium').meta({ examples: ['https://mirror.example/debian-12-generic-amd64.qcow2'] }),
    digest: mediumDigest.optional().describe('Its digest, when you vouch for it yourself'),
    digests: url
      .optional()
      .describe('A file of digests, as sha256sum or sha512sum writes them')
      .meta({ examples: ['https://mirror.example/SHA256SUMS'] }),
    signature: url
      .optional()
      .describe('The OpenPGP signature of the file of digests; without it, that file must hold its own')
      .meta({ examples: ['https://mirror.example/SHA256SUMS.gpg'] }),
    keyring: z
      .string()
      .regex(/^\//, 'must be an absolute path')
      .optional()
      .describe('The file with the OpenPGP public keys that may sign it, binary or armoured')
      .meta({ examples: ['/usr/share/keyrings/vendor.gpg'] }),
  })
  .superRefine((source, issues) => {
    if (source.digest === undefined && source.digests === undefined)
      issues.addIssue({ code: 'custom', message: 'needs a digest, or a signed file of digests (digests, keyring)' });
    if (source.digests !== undefined && source.keyring === undefined)
      issues.addIssue({ code: 'custom', path: ['digests'], message: 'needs a keyring: without a known key it proves nothing' });
  });
export type MediumSource = z.output<typeof mediumSourceSchema>;
