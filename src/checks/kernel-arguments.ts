import type { RootfsCheck } from '../model/check.ts';
import { platforms } from '../model/platform.ts';
import { failures } from './shared/all-files.ts';
import { readBootMenu } from '../disk/boot-menu.ts';

export const kernelArguments: RootfsCheck = {
  id: 'kernel-arguments',
  title: "Linux is started with the consoles of the template's platforms and its own arguments",
  on: 'rootfs',
  async run({ rootfs, plan }) {
    const { file, entries } = await readBootMenu(rootfs);
    const consoles = plan.template.platforms.map((id) => platforms[id].consoles);
    const needed = [...new Set(consoles.flat())].map((name) => `console=${name}`);
    const lasts = new Set(consoles.map((names) => `console=${names.at(-1)}`));
    const faults = entries.flatMap(({ args }) => {
      const missing = [...needed, ...plan.template.kernelArguments].filter((arg) => !args.includes(arg));
      const last = args.findLast((arg) => arg.startsWith('console='));
      return [
        ...missing.map((arg) => `${file} starts Linux without ${arg}`),
        ...(last !== undefined && !lasts.has(last) ? [`${file} has ${last} as its last console`] : []),
      ];
    });
    return failures(entries.length === 0 ? [`${file} is missing or starts nothing`] : [...new Set(faults)]);
  },
};
