import type { StoreProbe } from '../../../model/store-diagnosis.ts';
import { kindOf } from './answers.ts';
import { ask, type Line, type Question } from './ask.ts';
import { addressesOf } from './reach.ts';

/** What the other way of naming the bucket would do. */
export async function probeOtherStyle(line: Line, greeting: Question): Promise<StoreProbe> {
  const probe = { id: 'addressing', title: 'Addressing' };
  const style = line.style === 'path' ? 'virtual-host' : 'path';
  const name = `${line.bucket}.${line.endpoint.hostname}`;
  const words = { path: 'in the path', 'virtual-host': 'in the host name' };
  const works = `the bucket is named ${words[line.style]}`;
  if (style === 'virtual-host' && !Array.isArray(await addressesOf(name, line.lookup)))
    return { ...probe, status: 'pass', found: `${works} (there is no host ${name})` };
  const answer = await ask({ ...line, style, timeoutMs: 3000 }, { ...greeting, repeats: 0 });
  const also = ['accepted', 'denied'].includes(kindOf(answer)) && answer.code !== 'NoSuchBucket';
  return {
    ...probe,
    status: 'pass',
    found: also ? `${works}; ${words[style]} works too` : `${works}; ${words[style]} it is not understood`,
  };
}
