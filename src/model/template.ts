import { z } from 'zod';
import { archSchema, platformSchema } from './platform.ts';
import { sizeSchema } from './size.ts';

/** A template is what a person writes. Every key, with its meaning; the JSON Schema for editors is generated from here. */

const idPattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const idSchema = z.string().regex(idPattern, 'must be 1 to 63 of a-z, 0-9, ".", "_", "-", starting with a letter or digit');
const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'is not a Debian package name');
const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'is not a user name');
/** A path inside the folder of the definition: relative, no `..`. */
const localPath = z
  .string()
  .min(1)
  .refine(
    (path) => !path.startsWith('/') && !path.split('/').includes('..'),
    'must stay inside the folder of the definition (no "..", no leading "/")',
  );
const guestPath = z
  .string()
  .startsWith('/', 'must be an absolute path in the image')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ".."');
const words = z.string().regex(/^[^\0\r\n]*$/, 'must be one line');
const kernelArgument = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'must be printable, without spaces')
  .regex(/^[^"'\\$`]*$/, 'must not contain quotes, "\\", "$" or "`"');
const environment = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), words);
const parameter = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);

export const shippedSteps = ['base', 'cloud-init', 'guest-tools', 'ssh', 'hardening', 'seal'] as const;
export type ShippedStep = (typeof shippedSteps)[number];

const provisionSchema = z.union([
  z.strictObject({
    step: z.enum(shippedSteps).describe('A shipped provisioning step'),
    enabled: z.boolean().default(true),
    with: z.record(z.string(), parameter).default({}).describe('Its parameters'),
  }),
  z.strictObject({
    script: localPath.describe('A script of your own (POSIX sh or with its own #! line), run as root inside the image'),
    environment: environment.default({}).describe('Variables for the script. Not for secrets: they would be in the plan'),
    network: z.boolean().default(false).describe('Whether the script may reach the network; such a build is not reproducible'),
  }),
  z.strictObject({
    file: localPath.describe('A file to copy into the image'),
    to: guestPath,
    mode: z
      .string()
      .regex(/^0?[0-7]{3,4}$/, 'must be an octal mode such as "0644"')
      .default('0644'),
    owner: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?$/)
      .default('root:root'),
  }),
]);

const repositorySchema = z.strictObject({
  name: idSchema,
  uri: z.url({ protocol: /^(https?|file)$/ }),
  suite: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9./_-]*$/),
  components: z.array(z.string().regex(/^[a-z0-9][a-z0-9/_-]*$/)).default(['main']),
  key: localPath.describe('The OpenPGP public key that signs it, binary or armoured'),
});

const waiverSchema = z.strictObject({
  control: z.string().min(1),
  reason: z.string().min(10, 'must say why, in at least 10 characters'),
  owner: z.string().min(1),
  expires: z.iso.date(),
});

export const templateSchema = z.strictObject({
  name: idSchema.describe('The name of the template; image references start with it'),
  extends: idSchema
    .optional()
    .describe(
      'Another template to start from: maps are merged, lists and values replaced (packages.add and provisioning are appended)',
    ),
  description: words.default(''),
  distro: z.enum(['debian']).describe('The operating system family'),
  release: z
    .union([z.string(), z.number().transform(String)])
    .describe('The release: a number ("12") or a codename ("bookworm")'),
  snapshot: z
    .string()
    .regex(/^\d{8}T\d{6}Z$/, 'must look like 20261101T000000Z')
    .optional()
    .describe('Takes all packages as they were at this time, from the snapshot archive that the configuration names'),
  arches: z.array(archSchema).min(1).default(['amd64']),
  platforms: z
    .array(platformSchema)
    .min(1)
    .default(['kvm', 'xen', 'vmware'])
    .describe('Where it must run: decides on drivers, guest agents and consoles'),
  engine: z
    .strictObject({
      name: z.enum(['bootstrap']).default('bootstrap'),
      options: z.record(z.string(), z.unknown()).default({}).describe('Options of the engine'),
    })
    .prefault({}),
  kernel: z
    .enum(['full', 'cloud'])
    .default('full')
    .describe('full: all drivers, Xen HVM included; cloud: smaller, for KVM and clouds'),
  disk: z
    .strictObject({
      size: sizeSchema.prefault('3GiB').describe('The virtual size; the root file system grows to the real disk at first boot'),
      layout: z.enum(['flat']).default('flat'),
      filesystem: z.enum(['ext4']).default('ext4'),
      firmware: z.enum(['bios', 'uefi', 'both']).default('both'),
    })
    .prefault({}),
  packages: z
    .strictObject({
      set: z
        .enum(['standard', 'minimal'])
        .default('standard')
        .describe('minimal: no documentation, no translations, a fixed boot menu'),
      add: z.array(packageName).default([]),
      remove: z.array(packageName).default([]).describe('Packages that must not be installed'),
    })
    .prefault({}),
  repositories: z
    .array(repositorySchema)
    .default([])
    .describe('Further signed package repositories, used in the build and left in the image'),
  users: z
    .strictObject({
      default: userName
        .optional()
        .describe('The user that cloud-init makes at first boot; by default the name of the distribution'),
      sudo: z.enum(['nopasswd', 'password', 'none']).default('nopasswd'),
    })
    .prefault({})
    .describe('Users policy: no user exists in the image, root and all passwords are locked'),
  locale: z
    .string()
    .regex(/^[A-Za-z_]+(\.[A-Za-z0-9-]+)?$/)
    .default('C.UTF-8'),
  timezone: z
    .string()
    .regex(/^[A-Za-z0-9+_-]+(\/[A-Za-z0-9+_-]+)*$/)
    .default('Etc/UTC'),
  kernelArguments: z.array(kernelArgument).default([]),
  provisioning: z
    .array(provisionSchema)
    .default([])
    .describe('Steps, own scripts and files, in order. The shipped steps that are not named run too, in their usual places'),
  hardening: z
    .strictObject({
      profile: z.string().default('baseline'),
      waivers: z.array(waiverSchema).default([]),
    })
    .prefault({}),
  formats: z
    .array(z.enum(['qcow2', 'raw']))
    .min(1)
    .default(['qcow2']),
  checks: z
    .strictObject({
      skip: z
        .array(z.strictObject({ check: z.string(), reason: z.string().min(10, 'must say why, in at least 10 characters') }))
        .default([]),
    })
    .prefault({}),
  sizeBudget: z
    .strictObject({
      artifact: sizeSchema.optional().describe('The largest size of disk.qcow2'),
      root: sizeSchema.optional().describe('The most that files may take on the root file system'),
    })
    .prefault({}),
});

/** A template with all defaults filled in. */
export type Template = z.output<typeof templateSchema>;
/** What may be written: most keys have defaults. */
export type TemplateInput = z.input<typeof templateSchema>;
export type Provision = z.output<typeof provisionSchema>;

/** For definitions in TypeScript: gives completion and type checking, and returns its argument. */
export function defineTemplate(template: TemplateInput): TemplateInput {
  return template;
}
