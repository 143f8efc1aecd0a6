import type { StoreProbe } from '../../../model/store-diagnosis.ts';
import { kindOf } from './answers.ts';
import { ask, type Line, type Question, withV2 } from './ask.ts';
import { untilThen } from './agree.ts';
import { headersChanged } from './mismatch.ts';

/** Whether the headers that Amazon's library signs come through: some proxies take them away. */
export async function probeLibraryHeaders(line: Line, greeting: Question): Promise<{ probe: StoreProbe; line: Line }> {
  const probe = { id: 'headers', title: 'Headers' };
  if (line.signature === 'v2') return { probe: { ...probe, status: 'skip', found: 'not part of signature version 2' }, line };
  const headers: Record<string, string> = {
    'amz-sdk-invocation-id': '00000000-0000-4000-8000-000000000000',
    'amz-sdk-request': 'attempt=1; max=1',
    'x-amz-user-agent': 'aws-sdk-js/3.0.0',
    'content-type': 'application/octet-stream',
  };
  if (kindOf(await ask(line, { ...greeting, headers })) !== 'mismatch')
    return { probe: { ...probe, status: 'pass', found: 'signed headers come through as they are' }, line };
  const changed: string[] = [];
  for (const [name, value] of Object.entries(headers))
    if (kindOf(await ask(line, { ...greeting, headers: { [name]: value } })) === 'mismatch') changed.push(name);
  const v2 = withV2(line);
  const isBelieved = kindOf(await ask(v2, greeting)) === 'accepted';
  const { found, hint } = headersChanged(changed.join(', '), '', '');
  const more = isBelieved ? ` ${untilThen}` : '';
  return {
    probe: { ...probe, status: 'fail', cause: 'headers-changed', found, hint: hint + more },
    line: isBelieved ? v2 : line,
  };
}
