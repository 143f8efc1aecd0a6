import type { StoreCause, StoreProbe } from '../../../model/store-diagnosis.ts';
import { wordsOf } from './answers.ts';
import { type Answer, ask, isDone } from './ask.ts';
import type { Workplace } from './workplace.ts';

/** Writing, reading, listing, deleting: whether it works, and if not, which right is missing. */

export function isDenied({ status, code }: Answer): boolean {
  return status === 403 || status === 401 || code === 'AccessDenied';
}

/** A probe that ended badly: denied, or refused in other words. */
export function failed(
  probe: { id: string; title: string },
  answer: Answer,
  { right, resource, cause }: { right: string; resource: string; cause: StoreCause },
): StoreProbe {
  if (isDenied(answer)) {
    const found = `these credentials lack the right ${right} (${wordsOf(answer)})`;
    return { ...probe, status: 'fail', cause, found, hint: `Grant ${right} on ${resource}, or use other credentials.` };
  }
  const hint = 'The words are those of the server; who runs it can tell more.';
  return { ...probe, status: 'fail', cause: 'refused', found: `it is refused: ${wordsOf(answer)} (HTTP ${answer.status})`, hint };
}

const text = 'Gabarit tries out what this store can do. This object may be deleted.\n';

export async function probePut(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'put', title: 'Write' };
  const answer = await place.put('object', text);
  if (isDone(answer)) return { ...probe, status: 'pass', found: 'an object is written' };
  return failed(probe, answer, { right: 's3:PutObject', resource: resourceOf(place), cause: 'denied-put' });
}

export async function probeGet(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'get', title: 'Read' };
  const answer = await place.get('object');
  if (!isDone(answer)) return failed(probe, answer, { right: 's3:GetObject', resource: resourceOf(place), cause: 'denied-get' });
  if (answer.body === text) return { ...probe, status: 'pass', found: 'it comes back as it was' };
  const found = `what comes back is not what was written (${answer.body.length} characters instead of ${text.length})`;
  return {
    ...probe,
    status: 'fail',
    cause: 'corrupts',
    found,
    hint: 'Do not use this server: it, or a proxy in front of it, changes bytes.',
  };
}

/** Lists in pages of one, and must find what was written. */
export async function probeList(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'list', title: 'List' };
  await place.put('page', text);
  const keys: string[] = [];
  let token: string | undefined;
  for (let page = 0; page < 4; page += 1) {
    const query = {
      'list-type': '2',
      'max-keys': '1',
      prefix: place.prefix,
      ...(token === undefined ? {} : { 'continuation-token': token }),
    };
    const answer = await ask(place.line, { method: 'GET', query });
    if (!isDone(answer))
      return failed(probe, answer, {
        right: 's3:ListBucket',
        resource: `arn:aws:s3:::${place.line.bucket}`,
        cause: 'denied-list',
      });
    keys.push(...[...answer.body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key));
    token = /<NextContinuationToken>([^<]+)</.exec(answer.body)?.[1];
    if (token === undefined) break;
  }
  const wanted = ['object', 'page'].map((name) => place.prefix + name);
  if (wanted.every((key) => keys.includes(key)) && keys.length === wanted.length)
    return { ...probe, status: 'pass', found: 'what was written is found, page by page' };
  const found = `of 2 objects ${wanted.filter((key) => keys.includes(key)).length} are found, in ${keys.length} lines`;
  return {
    ...probe,
    status: 'fail',
    cause: 'refused',
    found,
    hint: 'The listing of this server (version 2, in pages) cannot be relied on.',
  };
}

export async function probeDelete(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'delete', title: 'Delete' };
  const answer = await place.remove('page');
  if (!isDone(answer))
    return failed(probe, answer, { right: 's3:DeleteObject', resource: resourceOf(place), cause: 'denied-delete' });
  const after = await place.get('page');
  if (!isDone(after)) return { ...probe, status: 'pass', found: 'a deleted object is gone' };
  return {
    ...probe,
    status: 'fail',
    cause: 'refused',
    found: 'a deleted object can still be read',
    hint: 'Is the bucket under a lock, or a cache in front of it?',
  };
}

export function resourceOf({ line, prefix }: Workplace): string {
  const folder = prefix.replace(/gabarit-probe\/.*$/, '');
  return `arn:aws:s3:::${line.bucket}/${folder}*`;
}
