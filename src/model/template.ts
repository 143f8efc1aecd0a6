import { z } from 'zod';
import { archSchema, platformSchema } from './platform.ts';
import { sizeSchema } from './size.ts';

/** A template is what a person writes. Every key, with its meaning; the JSON Schema for editors and docs/reference/template.md are generated from here. */

const idSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'must be 1 to 63 of lower-case letters, digits, ".", "_" and "-", starting with a letter or digit',
  );
const packageName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]+$/, 'must be the name of a package');
const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'must be a user name');
/** A path inside the folder of the definition that names it: relative, no `..`. */
const localPath = z
  .string()
  .regex(
    /^(?!\/)(?!(.*\/)?\.\.(\/|$))[^\0\r\n]+$/,
    'must be a path inside the folder of the definition (no "..", no leading "/")',
  );
const guestPath = z
  .string()
  .regex(/^\/(?!(.*\/)?\.\.(\/|$))[^\0\r\n]*[^\0\r\n/]$/, 'must be an absolute path of a file in the image, without ".."');
const words = z.string().regex(/^[^\0\r\n]*$/, 'must be one line');
const reason = words.min(10, 'must say why, in at least 10 characters');
const kernelArgument = z
  .string()
  // What is left has no meaning in GRUB's menu, nor in the shell that writes it.
  .regex(/^[\w!%()*+,./:=?@[\]^~-]+$/, 'must be letters, digits and !%()*+,-./:=?@[]^_~, without spaces and quotes');
const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a variable name: letters, digits and "_", not starting with a digit');
const environment = z.record(variableName, words);
const parameter = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())], {
  error: 'must be text, a number, true or false, or a list of texts',
});

export const shippedSteps = ['base', 'cloud-init', 'guest-tools', 'ssh', 'hardening', 'seal'] as const;
export type ShippedStep = (typeof shippedSteps)[number];

export const distroIds = ['debian', 'ubuntu', 'rocky', 'almalinux', 'centos-stream', 'rhel', 'opensuse'] as const;
export const engineIds = ['bootstrap', 'cloud-image', 'installer', 'packer'] as const;

export const provisionSchema = z.union(
  [
    z.strictObject({
      step: z.enum(shippedSteps).describe('A shipped provisioning step'),
      enabled: z.boolean().default(true).describe('`false` leaves the step out'),
      with: z
        .record(z.string(), parameter)
        .default({})
        .describe('Its parameters; each step has its own, listed below')
        .meta({ examples: [{ port: 2222 }] }),
    }),
    z.strictObject({
      script: localPath
        .describe('A script of your own, beginning with its `#!` line; it runs as root inside the image')
        .meta({ examples: ['scripts/setup.sh'] }),
      environment: environment
        .default({})
        .describe('Variables for the script. Not for secrets: they would be in the plan')
        .meta({ examples: [{ ROLE: 'web' }] }),
      network: z.boolean().default(false).describe('Whether the script may reach the network; such a build is not reproducible'),
    }),
    z.strictObject({
      file: localPath.describe('A file of your own to copy into the image').meta({ examples: ['files/motd'] }),
      to: guestPath.describe('Where to: an absolute path in the image').meta({ examples: ['/etc/motd'] }),
      mode: z
        .string()
        .regex(/^0?[0-7]{3,4}$/, 'must be an octal mode such as "0644"')
        .default('0644')
        .describe('Its permissions, in quotes')
        .meta({ examples: ['0600'] }),
      owner: z
        .string()
        .regex(/^[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?$/, 'must be USER or USER:GROUP')
        .default('root:root')
        .describe('Its owner and group')
        .meta({ examples: ['root:adm'] }),
    }),
  ],
  { error: 'must have exactly one of the keys "step", "script" and "file"' },
);

export const repositorySchema = z.strictObject({
  name: idSchema.describe('Its name, used for its file of sources in the image').meta({ examples: ['vendor'] }),
  uri: z
    .url({ protocol: /^(https?|file)$/, error: 'must be a URL that begins with http://, https:// or file://' })
    .describe('The root of the repository: what stands before the suite')
    .meta({ examples: ['https://packages.example/debian'] }),
  suite: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9./_-]*$/, 'must be a suite such as bookworm')
    .describe('The suite')
    .meta({ examples: ['bookworm'] }),
  components: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9/_-]*$/, 'must be a component such as main'))
    .min(1)
    .default(['main'])
    .describe('The components to use')
    .meta({ examples: [['main', 'contrib']] }),
  key: localPath
    .describe('The file with the OpenPGP public key that signs it, binary or armoured')
    .meta({ examples: ['keys/vendor.asc'] }),
});

const waiverSchema = z.strictObject({
  control: z
    .string()
    .min(1)
    .describe('The control that is waived')
    .meta({ examples: ['ssh-forwarding'] }),
  reason: reason.describe('Why, in at least 10 characters'),
  owner: words
    .min(1)
    .describe('Who answers for it')
    .meta({ examples: ['platform team'] }),
  expires: z.iso
    .date('must be a date such as 2027-06-30')
    .describe('The last day on which it holds')
    .meta({ examples: ['2027-06-30'] }),
});

export const templateSchema = z.strictObject({
  name: idSchema
    .describe('The name of the template and of its file; image references begin with it')
    .meta({ examples: ['web-server'] }),
  extends: idSchema
    .optional()
    .describe(
      'Another template to start from: maps are merged, values and lists replaced; `packages.add`, `packages.remove`, `repositories` and `provisioning` are appended',
    )
    .meta({ examples: ['debian-12'] }),
  abstract: z
    .boolean()
    .optional()
    .describe('`true`: only a base for others (`extends`), neither listed nor built; not inherited'),
  description: words
    .default('')
    .describe('One line for people')
    .meta({ examples: ['Debian 12 with nginx'] }),
  distro: z.enum(distroIds).describe('The operating system'),
  release: z
    .union([z.string(), z.number()], { error: 'must be a number or a codename' })
    .meta({ examples: ['bookworm'] })
    .transform(String)
    .describe('Its release: a number (`12`) or a codename (`bookworm`)'),
  snapshot: z
    .string()
    .regex(/^\d{8}T\d{6}Z$/, 'must be a time such as 20261101T000000Z')
    .optional()
    .describe('Takes all packages as they were at this time, from the snapshot archive that the configuration names')
    .meta({ examples: ['20261101T000000Z'] }),
  arches: z.array(archSchema).min(1).default(['amd64']).describe('Architectures to build'),
  platforms: z
    .array(platformSchema)
    .min(1)
    .default(['kvm', 'xen', 'vmware'])
    .describe('Where it must run: decides on drivers, guest agents and consoles')
    .meta({ examples: [['kvm']] }),
  engine: z
    .strictObject({
      name: z.enum(engineIds).default('bootstrap').describe('The way in which the disk is made'),
      options: z
        .record(z.string(), z.unknown())
        .default({})
        .describe('Options of the engine')
        .meta({ examples: [{ unpack: 'dpkg' }] }),
    })
    .prefault({})
    .describe('How the disk is made'),
  kernel: z
    .enum(['full', 'cloud'])
    .default('full')
    .describe(
      '`full`: all drivers. `cloud`: smaller; has the disk and network drivers of KVM, Xen and VMware (PVSCSI, VMXNET3), but no USB, graphics, e1000 or LSI Logic, and before Debian 13 no SATA',
    ),
  disk: z
    .strictObject({
      size: sizeSchema.prefault('3GiB').describe('Its virtual size; the root file system grows to the real disk at first boot'),
      layout: z.enum(['flat']).default('flat').describe('`flat`: boot partitions and one root partition'),
      filesystem: z.enum(['ext4']).default('ext4').describe('The root file system'),
      firmware: z.enum(['bios', 'uefi', 'both']).default('both').describe('What it can be started by'),
    })
    .prefault({})
    .describe('The virtual disk'),
  packages: z
    .strictObject({
      set: z
        .enum(['standard', 'minimal'])
        .default('standard')
        .describe('`minimal`: no documentation, no translations, a fixed boot menu'),
      add: z
        .array(packageName)
        .default([])
        .describe('Packages to install in addition')
        .meta({ examples: [['nginx', 'htop']] }),
      remove: z
        .array(packageName)
        .default([])
        .describe('Packages that must not be installed')
        .meta({ examples: [['less']] }),
    })
    .prefault({})
    .describe('What is installed'),
  repositories: z
    .array(repositorySchema)
    .default([])
    .describe('Further signed package repositories, used in the build and left in the image'),
  users: z
    .strictObject({
      default: userName
        .optional()
        .describe('The user that cloud-init makes at first boot; by default the name of the distribution')
        .meta({ examples: ['admin'] }),
      sudo: z
        .enum(['nopasswd', 'password', 'none'])
        .default('nopasswd')
        .describe('Whether that user may become root: without a password, with one, or not at all'),
    })
    .prefault({})
    .describe('Users policy: no user exists in the image, root and all passwords are locked'),
  locale: z
    .string()
    .regex(/^[A-Za-z_]+(\.[A-Za-z0-9-]+)?$/, 'must be a locale such as C.UTF-8 or fr_FR.UTF-8')
    .default('C.UTF-8')
    .describe('The system locale')
    .meta({ examples: ['fr_FR.UTF-8'] }),
  timezone: z
    .string()
    .regex(/^[A-Za-z0-9+_-]+(\/[A-Za-z0-9+_-]+)*$/, 'must be a time zone such as Etc/UTC or Europe/Paris')
    .default('Etc/UTC')
    .describe('The time zone')
    .meta({ examples: ['Europe/Paris'] }),
  kernelArguments: z
    .array(kernelArgument)
    .default([])
    .describe('Added to the command line of the kernel')
    .meta({ examples: [['quiet', 'mitigations=auto']] }),
  provisioning: z
    .array(provisionSchema)
    .default([])
    .describe('Steps, own scripts and files, in order. The shipped steps that are not named run too, in their usual places'),
  hardening: z
    .strictObject({
      profile: z.string().min(1).default('baseline').describe('The hardening profile'),
      waivers: z.array(waiverSchema).default([]).describe('Controls that do not apply here, each with its reason'),
    })
    .prefault({})
    .describe('Hardening'),
  formats: z
    .array(z.enum(['qcow2', 'raw', 'vhd', 'vhd-fixed', 'vmdk', 'vmdk-sparse', 'ova', 'xva']))
    .min(1)
    .default(['qcow2'])
    .describe('Disk image formats to write')
    .meta({ examples: [['qcow2', 'raw']] }),
  checks: z
    .strictObject({
      skip: z
        .array(
          z.strictObject({
            check: z.string().min(1).describe('The check'),
            reason: reason.describe('Why, in at least 10 characters'),
          }),
        )
        .default([])
        .describe('Checks that do not apply here'),
    })
    .prefault({})
    .describe('The checks that every image must pass'),
  sizeBudget: z
    .strictObject({
      artifact: sizeSchema.optional().describe('The largest size of disk.qcow2'),
      root: sizeSchema.optional().describe('The most that files may take on the root file system'),
    })
    .prefault({})
    .describe('Limits; an image that is larger fails its checks'),
});

/** A template with all defaults filled in. */
export type Template = z.output<typeof templateSchema>;
/** What may be written: most keys have defaults. */
export type TemplateInput = z.input<typeof templateSchema>;
export type Provision = z.output<typeof provisionSchema>;
/** A template with a parent needs to say only what differs. */
export type TemplateDefinition =
  | TemplateInput
  | (Partial<TemplateInput> & { name: string } & ({ extends: string } | { abstract: true }));

/** For definitions in TypeScript: gives completion and type checking, and returns its argument. */
export function defineTemplate(template: TemplateDefinition): TemplateDefinition {
  return template;
}
