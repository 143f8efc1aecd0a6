import type { AnswersRequest, AnsweredInstaller } from '../src/engines/shared/answers/answers.ts';
import { templateSchema, type TemplateInput } from '../src/model/template.ts';

const releases: Record<AnsweredInstaller, AnswersRequest['release']> = {
  'debian-installer': { id: '12', codename: 'bookworm' },
  subiquity: { id: '24.04', codename: 'noble' },
  anaconda: { id: '9', codename: 'plow' },
  autoyast: { id: '15.6', codename: '' },
};

const mirrors: Record<AnsweredInstaller, string> = {
  'debian-installer': 'http://mirror.example/debian',
  subiquity: 'http://mirror.example/ubuntu',
  anaconda: 'http://mirror.example/rocky',
  autoyast: 'http://mirror.example/distribution/leap/15.6/repo/oss/',
};

/** A request for answers as the engines make it; `template` says what of the definition differs. */
export function answersRequest(
  installer: AnsweredInstaller,
  more: Partial<Omit<AnswersRequest, 'template'>> = {},
  template: Partial<TemplateInput> = {},
): AnswersRequest {
  return {
    installer,
    template: templateSchema.parse({
      name: 'web-server',
      distro: 'debian',
      release: '12',
      disk: { size: '8GiB' },
      ...template,
    }),
    release: releases[installer],
    arch: 'amd64',
    mirror: mirrors[installer],
    ...(installer === 'debian-installer' ? { securityMirror: 'http://mirror.example/debian-security' } : {}),
    packages: ['cloud-init', 'qemu-guest-agent', 'nginx'],
    disk: '/dev/vda',
    publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample gabarit-build',
    phoneHome: 'http://10.0.2.2:8080/install',
    logDevice: '/dev/ttyS1',
    end: 'poweroff',
    kernelArguments: ['console=tty0', 'console=ttyS0,115200n8'],
    ...more,
  };
}
