import type { Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import { platforms } from '../../model/platform.ts';

/** The kernel's arguments in the image: the consoles of all platforms, then what the template asks for. */
export function kernelArguments({ template }: Pick<Plan, 'template'>): string[] {
  const consoles = template.platforms.flatMap((id) => platforms[id].consoles);
  return [...[...new Set(consoles)].map((name) => `console=${name}`), ...template.kernelArguments];
}

/** What every provisioning step can rely on, whatever the engine; see docs/provisioning.md. */
export function stepEnvironment(plan: Plan): Record<string, string> {
  const { template } = plan;
  return {
    GABARIT_DISTRO: template.distro,
    GABARIT_RELEASE: plan.release.id,
    GABARIT_CODENAME: plan.release.codename,
    GABARIT_ARCH: plan.arch,
    GABARIT_PLATFORMS: template.platforms.join(' '),
    GABARIT_SET: template.packages.set,
    GABARIT_LOCALE: template.locale,
    GABARIT_TIMEZONE: template.timezone,
    GABARIT_USER: template.users.default ?? template.distro,
    GABARIT_SUDO: template.users.sudo,
    GABARIT_SOURCES: plan.guestSources,
  };
}

/** For systems whose boot menu and initramfs are their own: the step base tells them what to put in. */
export function bootEnvironment(plan: Plan, { guest }: Release): Record<string, string> {
  const modules = plan.template.platforms.flatMap((id) => platforms[id].initramfsModules);
  return {
    GABARIT_KERNEL_ARGUMENTS: kernelArguments(plan).join(' '),
    GABARIT_INITRAMFS_MODULES: [...new Set(modules)].filter((name) => !guest.absentModules.includes(name)).join(' '),
  };
}
