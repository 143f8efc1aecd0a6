import type { ClonesCheck, Finding } from '../model/check.ts';
import { type Identity, identityOf, identityTitles } from './shared/identity.ts';

/** Two machines that were started from the same bytes have nothing in common that should be their own. */
export const clonesDiffer: ClonesCheck = {
  id: 'clones-differ',
  title: 'Two clones are two different machines',
  on: 'clones',
  async run([first, second]) {
    const [a, b] = await Promise.all([identityOf(first), identityOf(second)]);
    return (Object.keys(identityTitles) as (keyof Identity)[]).flatMap((key): Finding[] => {
      const title = identityTitles[key];
      if (a[key] === '' || b[key] === '')
        return [{ status: 'fail', message: `${title}: ${a[key] === '' ? first.name : second.name} has none` }];
      const shared = a[key].split('\n').filter((line) => b[key].split('\n').includes(line));
      return shared.length === 0 ? [] : [{ status: 'fail', message: `${title}: both have ${shared.join(', ')}` }];
    });
  },
};
