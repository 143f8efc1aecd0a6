import type { MachineConsole } from '../../model/target.ts';
import { AppError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Pool } from './pool.ts';

/** The console of a machine of the pool, by its name or UUID; templates and the hosts' own domains have none. */
export async function openConsole({ name, xapi }: Pool, machine: string): Promise<MachineConsole> {
  const machines = (await xapi.all('VM')).filter(
    ({ record }) => !record.is_a_template && !record.is_a_snapshot && !record.is_control_domain,
  );
  const found = machines.filter(({ record }) => record.uuid === machine || record.name_label === machine);
  const [vm] = found;
  if (!vm) {
    const near = didYouMean(
      machine,
      machines.map(({ record }) => record.name_label),
    );
    throw new AppError('NOT_FOUND', `${name} has no machine "${machine}"${near}`, {
      hint: 'A template has no console: make a machine of it first, and start it.',
    });
  }
  if (found.length > 1)
    throw new AppError('CONFLICT', `${name} has ${found.length} machines called "${machine}"`, {
      hint: `Name one by its UUID: ${found.map(({ record }) => record.uuid).join(', ')}.`,
    });
  return { machine: vm.record.name_label, connect: () => xapi.openConsole(vm.ref) };
}
