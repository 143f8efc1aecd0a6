import type { Template } from '../../../model/template.ts';
import { formatSize } from '../../../model/size.ts';
import type { AnswersRequest, AnsweredInstaller } from './answers.ts';
import { autoinstallAnswers } from './autoinstall.ts';
import { profile } from './autoyast.ts';
import { saysAll } from './installer-locale.ts';
import { kickstartCommands } from './kickstart.ts';
import { preseedAnswers } from './preseed.ts';

/**
 * What each installer must have been told, or it stops and asks. Found before anything is started: by the definition alone
 * ({@link questionsOfTemplate}), and by what was rendered from it ({@link openQuestions}).
 */

export interface Question {
  /** In the installer's own words: `partman-auto/disk`, `timezone`. */
  question: string;
  /** What of the definition would answer it. */
  path: (string | number)[];
  message: string;
  hint: string;
}

const titles: Record<AnsweredInstaller, string> = {
  'debian-installer': "Debian's installer",
  subiquity: "Ubuntu's installer",
  anaconda: 'Anaconda',
  autoyast: 'YaST',
};

export function installerTitle(kind: AnsweredInstaller): string {
  return titles[kind];
}

/** Bytes that each installer wants of a disk before it partitions it without a word. */
const smallestDisk: Record<AnsweredInstaller, number> = {
  'debian-installer': 2 * 2 ** 30,
  subiquity: 5 * 2 ** 30,
  anaconda: 4 * 2 ** 30,
  autoyast: 4 * 2 ** 30,
};

/** What a definition leaves open for an installer of this kind. */
export function questionsOfTemplate(
  kind: AnsweredInstaller,
  template: Pick<Template, 'locale'> & { disk: Pick<Template['disk'], 'size'> },
): Question[] {
  const found: Question[] = [];
  const asks = `${titles[kind]} would ask`;
  if (!saysAll(template.locale))
    found.push({
      question: kind === 'debian-installer' ? 'debian-installer/country' : 'lang',
      path: ['locale'],
      message: `${asks} for the language and country: ${JSON.stringify(template.locale)} does not say both`,
      hint: 'Write the locale in full, such as fr_FR.UTF-8, or C.UTF-8 for none.',
    });
  const least = smallestDisk[kind];
  if (template.disk.size < least)
    found.push({
      question: kind === 'debian-installer' ? 'partman-auto/choose_recipe' : 'storage',
      path: ['disk', 'size'],
      message: `${asks} how to partition the disk: ${formatSize(template.disk.size)} are too few for its own plan`,
      hint: `Make disk.size at least ${formatSize(least)}.`,
    });
  return found;
}

/** The questions that each kind must find answered, and what of the definition answers them. */
const required: Record<AnsweredInstaller, [question: string, path: string[]][]> = {
  'debian-installer': [
    ['debian-installer/locale', ['locale']],
    ['debian-installer/language', ['locale']],
    ['debian-installer/country', ['locale']],
    ['keyboard-configuration/xkb-keymap', []],
    ['netcfg/choose_interface', []],
    ['netcfg/get_hostname', ['name']],
    ['netcfg/get_domain', []],
    ['passwd/root-login', ['users']],
    ['passwd/root-password-crypted', ['users']],
    ['passwd/make-user', ['users']],
    ['clock-setup/utc', ['timezone']],
    ['time/zone', ['timezone']],
    ['partman-auto/method', ['disk', 'layout']],
    ['partman-auto/expert_recipe', ['disk', 'layout']],
    ['partman-partitioning/confirm_write_new_label', ['disk']],
    ['partman/choose_partition', ['disk']],
    ['partman/confirm', ['disk']],
    ['partman/confirm_nooverwrite', ['disk']],
    ['apt-setup/use_mirror', []],
    ['pkgsel/upgrade', ['packages']],
    ['pkgsel/update-policy', ['packages']],
    ['popularity-contest/participate', ['packages']],
    ['grub-installer/only_debian', ['disk', 'firmware']],
    ['grub-installer/bootdev', ['disk']],
    ['finish-install/reboot_in_progress', []],
  ],
  subiquity: [
    ['version', []],
    ['locale', ['locale']],
    ['keyboard', []],
    ['timezone', ['timezone']],
    ['network', []],
    ['apt', []],
    ['storage', ['disk']],
    ['user-data', ['users']],
    ['ssh', []],
    ['shutdown', []],
  ],
  anaconda: [
    ['lang', ['locale']],
    ['keyboard', []],
    ['timezone', ['timezone']],
    ['network', []],
    ['rootpw', ['users']],
    ['clearpart', ['disk']],
    ['part', ['disk', 'layout']],
    ['bootloader', ['disk', 'firmware']],
    ['cdrom|url', []],
    ['poweroff|reboot', []],
  ],
  autoyast: [
    ['general', []],
    ['language', ['locale']],
    ['keyboard', []],
    ['timezone', ['timezone']],
    ['networking', []],
    ['partitioning', ['disk', 'layout']],
    ['bootloader', ['disk', 'firmware']],
    ['software', ['packages']],
    ['users', ['users']],
  ],
};

/** Questions whose answer may be empty: not answering them is what is meant. */
const emptyAnswers = new Set(['finish-install/reboot_in_progress']);

/** The questions that are answered. */
const answered: Record<AnsweredInstaller, (request: AnswersRequest) => string[]> = {
  'debian-installer': (request) =>
    preseedAnswers(request)
      .filter(({ question, value }) => value.trim() !== '' || emptyAnswers.has(question))
      .map(({ question }) => question),
  subiquity: (request) => Object.keys(autoinstallAnswers(request)),
  anaconda: (request) => kickstartCommands(request).map(({ name }) => name),
  autoyast: (request) => Object.keys(profile(request)),
};

/** What the rendered answers leave open, the definition's own gaps included. */
export function openQuestions(request: AnswersRequest): Question[] {
  const given = new Set(answered[request.installer](request));
  const ofTemplate = questionsOfTemplate(request.installer, request.template);
  const known = new Set(ofTemplate.map(({ path }) => path[0]));
  const missing = required[request.installer]
    .filter(([, path]) => !known.has(path[0]))
    .filter(([names]) => !names.split('|').some((name) => given.has(name)))
    .map(([question, path]) => ({
      question,
      path,
      message: `${titles[request.installer]} would ask: ${question}`,
      hint: 'Set it in the definition.',
    }));
  return [...ofTemplate, ...missing];
}
