import type { Distro, Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import { AppError } from '../../util/errors.ts';
import { type AnswerFile, type AnsweredInstaller, type Answers, answeredInstallers } from '../shared/answers/answers.ts';
import { renderAnswers } from '../shared/answers/render-answers.ts';
import { kernelArguments } from '../shared/step-environment.ts';

export interface AnswersFor {
  answers: Answers;
  files: AnswerFile[];
  /** The volume that the installer looks for by itself. */
  volume?: string;
  /** What is typed into its boot menu; empty where nothing needs to be. */
  bootCommand: string[];
}

/** The answers for an installer that Packer starts, and how they reach it with as little typing as that installer allows. */
export function answersFor(plan: Plan, distro: Distro, release: Release, publicKey: string, repacked: boolean): AnswersFor {
  const { kind, boot } = release.installer;
  const installer = answeredInstallers.find((known): known is AnsweredInstaller => known === kind);
  if (installer === undefined)
    throw new AppError('TEMPLATE_INVALID', `${release.title} is installed by ${kind}, for which there are no answers here`, {
      hint: 'Begin with a disk image: builder qemu with source.',
    });
  const answers = renderAnswers({
    installer,
    template: plan.template,
    release,
    arch: plan.arch,
    packages: [...new Set([...Object.values(release.guest.packages).flat(), ...plan.template.packages.add])],
    publicKey,
    end: 'reboot',
    kernelArguments: kernelArguments(plan),
  });
  const volume = answers.delivery.by === 'volume' ? answers.delivery.label : undefined;
  const words = answers.kernelArguments.filter((word) => word !== '---').join(' ');
  const arch = distro.arches[plan.arch] ?? plan.arch;
  const kernel = boot.kernel.replaceAll('{arch}', arch);
  const initrd = boot.initrd.replaceAll('{arch}', arch);
  // OEMDRV is found without a word. Subiquity asks unless its kernel is told; Debian's installer looks nowhere by itself.
  const typed =
    volume === 'OEMDRV' || repacked
      ? []
      : volume === undefined
        ? [`linux ${kernel} ${words} preseed/url=http://{{ .HTTPIP }}:{{ .HTTPPort }}/preseed.cfg ---`]
        : [`linux ${kernel} ${words} ---`];
  const bootCommand = typed.flatMap((line) => [
    'c<wait>',
    `${line}<enter><wait>`,
    `initrd ${initrd}<enter><wait>`,
    'boot<enter>',
  ]);
  return { answers, files: answers.files, ...(volume === undefined ? {} : { volume }), bootCommand };
}
