import { z } from 'zod';
import { mediumSourceSchema } from '../../model/medium.ts';
import { keyringOption } from '../shared/media/keyring-option.ts';

const path = z.string().regex(/^\//, 'must be an absolute path');

export const installerOptions = z.strictObject({
  source: mediumSourceSchema.optional().describe("The installation medium (ISO); by default the vendor's newest for the release"),
  keyring: keyringOption,
  netboot: z
    .strictObject({
      kernel: path.describe('The kernel of the network installer').meta({
        examples: ['/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/linux'],
      }),
      initrd: path.describe('Its initial ramdisk').meta({
        examples: ['/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/initrd.gz'],
      }),
    })
    .optional()
    .describe('A network installer instead of a medium, such as that of the Debian package debian-installer-12-netboot-amd64'),
  mirror: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
    .optional()
    .describe('Where the installer gets packages; by default as the configuration says, else from the medium')
    .meta({ examples: ['http://mirror.example/debian'] }),
  memoryMiB: z
    .int('must be a whole number of MiB')
    .min(512)
    .max(65_536)
    .default(2048)
    .describe('Memory of the machine while it is installed'),
});
export type InstallerOptions = z.output<typeof installerOptions>;
