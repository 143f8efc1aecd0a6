import { z } from 'zod';
import { credentialPattern } from '../util/credential.ts';
import { rateSchema } from './rate.ts';
import { sizeSchema } from './size.ts';

/** What the configuration says about the stores that have a name there: `stores: { NAME: … }`. */

const credential = z.string().regex(credentialPattern, 'must be env:NAME or file:PATH; a secret itself is never written here');

const credentialsSchema = z.union(
  [
    z.strictObject({ accessKey: credential, secretKey: credential, sessionToken: credential.optional() }),
    z.strictObject({ profile: z.string().min(1) }),
    z.strictObject({ process: z.array(z.string()).min(1) }),
    z.strictObject({
      webIdentity: z.strictObject({
        roleArn: z.string().min(1),
        tokenFile: z.string().min(1),
        stsEndpoint: z.url({ protocol: /^https?$/ }).optional(),
      }),
    }),
    z.literal('environment'),
  ],
  {
    error:
      'must be "environment", or one of { accessKey, secretKey, sessionToken } (each env:NAME or file:PATH), { profile }, { process: [COMMAND, ...] }, { webIdentity: { roleArn, tokenFile, stsEndpoint } }',
  },
);

const mebibyte = 2 ** 20;

const partSize = sizeSchema.refine((bytes) => bytes >= 5 * mebibyte && bytes <= 1024 * mebibyte, 'must be from 5MiB to 1GiB');

const settingsSchema = z.strictObject({
  url: z.string().min(1).describe('s3://BUCKET/PREFIX, file:FOLDER, or https://HOST/PATH to read only'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where S3 is spoken, when it is not AWS'),
  region: z.string().min(1).optional(),
  addressing: z.enum(['path', 'virtual-host']).optional().describe('Where the bucket is named; path with an endpoint'),
  ca: z.string().min(1).optional().describe('A PEM file with the authorities to trust instead of those of the host'),
  checksums: z.enum(['when-required', 'always']).default('when-required'),
  signature: z.enum(['v4', 'v2']).default('v4'),
  partSize: partSize.optional().describe('16MiB; larger by itself for objects that would have too many parts'),
  parallel: z.int().min(1).max(16).default(4).describe('Parts on their way at once'),
  expectContinue: z.boolean().default(false).describe('Send "Expect: 100-continue" with every body'),
  readBack: z.boolean().default(false).describe('Read each object again after it was written, even when its tag proves it'),
  limit: rateSchema.optional().describe('The most bytes a second, such as 20MiB/s'),
  credentials: credentialsSchema.default('environment'),
});

/** The keys that only S3 knows. */
const s3Only = Object.keys(settingsSchema.shape).filter((key) => key !== 'url');

const storeName = /^[a-z0-9][a-z0-9-]*$/;

export const storesSchema = z
  .record(z.string().regex(storeName, 'must be a lower-case word: letters, digits and "-"'), z.looseObject({ url: z.string() }))
  .transform((stores, ctx) => {
    const parsed: Record<string, StoreSettings> = {};
    for (const [name, given] of Object.entries(stores)) {
      const isS3 = given.url.startsWith('s3://');
      const isWeb = given.url.startsWith('https://');
      for (const key of isS3 ? [] : s3Only.filter((known) => known in given && !(isWeb && known === 'ca'))) {
        ctx.addIssue({ code: 'custom', path: [name, key], message: 'is for s3:// URLs only' });
      }
      const result = settingsSchema.safeParse(given);
      if (result.success) parsed[name] = result.data;
      else for (const issue of result.error.issues) ctx.addIssue({ ...issue, path: [name, ...issue.path] });
    }
    return parsed;
  });

export type StoreSettings = z.output<typeof settingsSchema>;
export type CredentialSettings = StoreSettings['credentials'];

/** Whether a word can be the name of a configured store. */
export function isStoreName(text: string): boolean {
  return storeName.test(text);
}

/** The settings of a store that is not configured: all defaults. */
export function defaultStoreSettings(url: string): StoreSettings {
  return settingsSchema.parse({ url });
}
