import { z } from 'zod';
import { rateSchema } from '../../model/rate.ts';
import { sizeSchema } from '../../model/size.ts';
import { credentialPattern } from '../../util/credential.ts';

/** What a person says about an XCP-ng or XenServer pool, in `targets:` of the configuration. */

const words = z.string().regex(/^[^\0\r\n]+$/, 'must be one line of text');
const credential = z.string().regex(credentialPattern, 'must be env:NAME or file:PATH, never the value itself');
const fingerprint = z
  .string()
  .regex(/^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/)
  .transform((text) => text.toUpperCase());
export const xcpNgSettingsSchema = z.strictObject({
  kind: z.literal('xcp-ng'),
  hosts: z
    .union([words, z.array(words).min(1)], { error: 'must be an address, or a list of addresses' })
    .transform((hosts) => (typeof hosts === 'string' ? [hosts] : hosts))
    .describe('Address of the pool: one or several of its hosts, with `:PORT` when it is not 443'),
  user: credential.describe('Who logs in: env:NAME or file:PATH'),
  password: credential.describe('The password: env:NAME or file:PATH'),
  ca: words.optional().describe('A PEM file: only these authorities are trusted for this pool'),
  fingerprints: z
    .union([fingerprint, z.array(fingerprint).min(1)], { error: 'must be SHA-256 fingerprints: 32 pairs of hex digits, AB:CD:…' })
    .transform((pins) => (typeof pins === 'string' ? [pins] : pins))
    .optional()
    .describe('SHA-256 of the certificates that the hosts have'),
  sr: words.optional().describe('The storage repository, by name or UUID (default: that of the pool)'),
  networks: z.array(words).default([]).describe('One network card for each, by name or UUID of the network'),
  memory: sizeSchema.optional().describe('Memory of machines made from it'),
  cpus: z.int().min(1).max(256).optional().describe('CPUs of machines made from it'),
  tags: z.array(words).default([]).describe('Tags beside `gabarit`'),
  limit: rateSchema.optional().describe('Bandwidth: what is sent in a second'),
  import: z
    .enum(['xva', 'vhd'])
    .default('xva')
    .describe('How images are sent: a whole machine (`xva`), or a disk that a machine is then made for (`vhd`)'),
  keep: z.int().min(0).max(100).default(2).describe('Older deployments that are kept for a rollback'),
  test: z.boolean().default(false).describe('Boot a clone and wait for its agent before the new version gets the name'),
  testMinutes: z.number().positive().max(240).default(10).describe('How long the clone may take'),
  stallMinutes: z.number().positive().max(240).default(10).describe('How long a task of the pool may stand still'),
});
export type XcpNgSettings = z.output<typeof xcpNgSettingsSchema>;
