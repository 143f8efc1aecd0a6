import type { ImageIdentity } from '../../model/target.ts';

/**
 * What is written on the pool so that deployments can be known again: in other_config of the VM, of its disks and of tasks.
 *
 * A copy that somebody makes of a VM template has the same other_config. So a VM counts only when it bears its own UUID, or a name
 * that only its run can have given.
 */
export const marks = {
  template: 'gabarit:template',
  version: 'gabarit:version',
  digest: 'gabarit:digest',
  /** The run that makes it. It is there only until it is decided that the thing stays. */
  run: 'gabarit:run',
  /** The UUID of the VM itself. */
  uuid: 'gabarit:uuid',
  /**
   * The decision. Of all VM templates of one template, the one with the highest number is current, the others are retired; their
   * names follow. To write it is one call: whatever is killed before has done nothing, whatever is killed after has done it.
   */
  serial: 'gabarit:serial',
} as const;

type Config = Readonly<Record<string, string>>;

export interface Marks extends ImageIdentity {
  run: string | undefined;
  uuid: string | undefined;
  serial: number | undefined;
}

/** The marks of a thing, or undefined when it is none of ours nor a copy of it. */
export function readMarks(otherConfig: Config): Marks | undefined {
  const template = otherConfig[marks.template];
  if (template === undefined) return undefined;
  const serial = otherConfig[marks.serial];
  return {
    template,
    version: otherConfig[marks.version] ?? '',
    digest: otherConfig[marks.digest] ?? '',
    run: otherConfig[marks.run],
    uuid: otherConfig[marks.uuid],
    serial: serial !== undefined && /^\d{1,9}$/.test(serial) ? Number(serial) : undefined,
  };
}

export function retiredName({ template, version }: ImageIdentity): string {
  return `${template} (${version})`;
}

/** The label of a task that sends an image; a task has it before it has marks. */
export function taskLabel(image: ImageIdentity, run: string): string {
  return `Gabarit: ${importingName(image, run)}`;
}

export function runOfTask({
  name_label: label,
  other_config: config,
}: {
  name_label: string;
  other_config: Config;
}): string | undefined {
  return config[marks.run] ?? /^Gabarit: .+ \(.+, importing, run ([0-9a-f]+)\)$/.exec(label)?.[1];
}

/** Names that only one run gives. */
export function importingName({ template, version }: ImageIdentity, run: string): string {
  return `${template} (${version}, importing, run ${run})`;
}

export function testingName({ template, version }: ImageIdentity, run: string): string {
  return `${template} (${version}, testing, run ${run})`;
}
