import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { StoreProbe } from '../../../model/store-diagnosis.ts';
import type { StoreSettings } from '../../../model/store-settings.ts';
import { wordsOf } from './answers.ts';
import { type Answer, isDone } from './ask.ts';
import { failed, isDenied, resourceOf } from './rights.ts';
import type { Workplace } from './workplace.ts';

/** What servers do differently: each thing is tried with tiny objects, and alone. */

type Wanted = Pick<StoreSettings, 'checksums' | 'expectContinue'>;

function crcOf(body: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}

/** The checksum headers that newer libraries send with every upload. */
export async function probeChecksums(place: Workplace, { checksums }: Wanted): Promise<StoreProbe> {
  const probe = { id: 'checksums', title: 'Checksum headers' };
  const headers = (of: string): Record<string, string> => ({
    'x-amz-checksum-crc32': crcOf(of),
    'x-amz-sdk-checksum-algorithm': 'CRC32',
  });
  const right = await place.put('checksum', 'right', { headers: headers('right') });
  if (!isDone(right)) {
    const found = `they are refused (${wordsOf(right)})`;
    if (checksums === 'when-required') return { ...probe, status: 'pass', found: `${found}; Gabarit sends none` };
    return { ...probe, status: 'fail', cause: 'checksums', found, hint: 'Set "checksums: when-required".' };
  }
  const wrong = await place.put('checksum', 'right', { headers: headers('wrong') });
  return { ...probe, status: 'pass', found: isDone(wrong) ? 'they are accepted, and not looked at' : 'they are verified' };
}

/** Bodies in frames with the checksum behind them, as libraries send streams. Gabarit does not. */
export async function probeTrailers(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'trailers', title: 'Trailing checksums' };
  if (place.line.signature === 'v2') return { ...probe, status: 'skip', found: 'not part of signature version 2' };
  const body = 'framed';
  const frames = `${body.length.toString(16)}\r\n${body}\r\n0\r\nx-amz-checksum-crc32:${crcOf(body)}\r\n\r\n`;
  const answer = await place.put('trailer', frames, {
    payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    headers: {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(body.length),
      'x-amz-trailer': 'x-amz-checksum-crc32',
    },
  });
  if (!isDone(answer)) return { ...probe, status: 'pass', found: `they are refused (${wordsOf(answer)}); Gabarit sends none` };
  const stored = await place.get('trailer');
  if (!isDone(stored) || stored.body === body) return { ...probe, status: 'pass', found: 'they are understood' };
  const hint = 'Gabarit sends none; other tools must be told not to either, or what they upload is damaged.';
  return { ...probe, status: 'warn', found: 'the frames are stored as if they were content', hint };
}

/** Whether bytes that are not those announced are refused. */
export async function probeIntegrity(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'integrity', title: 'Integrity' };
  const md5 = createHash('md5').update('other').digest('base64');
  const byMd5 = await place.put('integrity', 'bytes', { headers: { 'content-md5': md5 } });
  const sha256 = createHash('sha256').update('other').digest('hex');
  const byDigest = place.line.signature === 'v4' ? await place.put('integrity', 'bytes', { payload: sha256 }) : undefined;
  const verified = [...(isDone(byMd5) ? [] : ['MD5']), ...(byDigest === undefined || isDone(byDigest) ? [] : ['SHA-256'])];
  if (verified.length > 0)
    return { ...probe, status: 'pass', found: `bytes that do not fit their ${verified.join(' or ')} are refused` };
  const hint = 'Set "readBack: true": each object is then read again after it was written.';
  return { ...probe, status: 'warn', found: 'bytes are stored though they do not fit the digests sent with them', hint };
}

const expectWithinMs = 3000;

export async function probeExpect(place: Workplace, { expectContinue }: Wanted): Promise<StoreProbe> {
  const probe = { id: 'expect', title: 'Expect' };
  const answer = await place.put('expect', 'expected', { waits: true, timeoutMs: expectWithinMs, repeats: 0 });
  if (isDone(answer) && answer.continued) return { ...probe, status: 'pass', found: '"Expect: 100-continue" is answered' };
  const found =
    answer.status === 0
      ? '"Expect: 100-continue" is never answered, uploads that ask hang'
      : `"Expect: 100-continue" is answered with ${answer.status}`;
  if (!expectContinue) return { ...probe, status: 'pass', found: `${found}; Gabarit does not ask` };
  return { ...probe, status: 'fail', cause: 'expect', found, hint: 'Set "expectContinue: false".' };
}

/** Large objects go up in parts: begun, listed, put together, and given up. */
export async function probeMultipart(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'multipart', title: 'Uploads in parts' };
  const fail = (answer: Answer, right: string, what: string): StoreProbe => {
    if (isDenied(answer)) return failed(probe, answer, { right, resource: resourceOf(place), cause: 'denied-multipart' });
    const hint = 'Images are uploaded in parts; without them this server is of no use.';
    return { ...probe, status: 'fail', cause: 'multipart', found: `${what}: ${wordsOf(answer)} (HTTP ${answer.status})`, hint };
  };
  const body = 'the only part';
  const begun = await place.begin('parts');
  const { uploadId } = begun;
  if (uploadId === '') return fail(begun, 's3:PutObject', 'they cannot be begun');
  const part = await place.inUpload('PUT', 'parts', { partNumber: '1', uploadId }, body);
  if (!isDone(part)) return fail(part, 's3:PutObject', 'a part is refused');
  const listed = await place.inUpload('GET', 'parts', { uploadId });
  if (!isDone(listed)) return fail(listed, 's3:ListMultipartUploadParts', 'parts cannot be listed');
  const etag = part.headers.etag ?? '';
  const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part></CompleteMultipartUpload>`;
  const done = await place.inUpload('POST', 'parts', { uploadId }, list);
  if (!isDone(done) || done.code !== '') return fail(done, 's3:PutObject', 'parts are not put together');
  const stored = await place.get('parts');
  if (isDone(stored) && stored.body !== body)
    return {
      ...probe,
      status: 'fail',
      cause: 'corrupts',
      found: 'what was put together is not what was sent',
      hint: 'Do not use this server: it, or a proxy in front of it, changes bytes.',
    };
  const other = await place.begin('given-up');
  const aborted = await place.inUpload('DELETE', 'given-up', { uploadId: other.uploadId });
  if (isDone(aborted)) return { ...probe, status: 'pass', found: 'parts are taken, listed, put together and given up' };
  const hint = `Grant s3:AbortMultipartUpload on ${resourceOf(place)}: else the parts of uploads that failed stay, and cost space.`;
  return { ...probe, status: 'warn', found: `an upload cannot be given up (${wordsOf(aborted)})`, hint };
}

/** Conditions of writes: one that must be carried out, and one that must be refused. */
export async function probeIfNoneMatch(place: Workplace): Promise<StoreProbe> {
  const headers = { 'if-none-match': '*' };
  const free = await place.put('if-none-match', 'first', { headers });
  const taken = await place.put('if-none-match', 'second', { headers });
  return conditionProbe({ id: 'if-none-match', title: 'Write if absent' }, free, taken);
}

export async function probeIfMatch(place: Workplace): Promise<StoreProbe> {
  const first = await place.put('if-match', 'first');
  const { etag = '' } = first.headers;
  const plain = etag.replaceAll('"', '');
  const write = (tag: string): Promise<Answer> => place.put('if-match', `after ${tag}`, { headers: { 'if-match': tag } });
  const right = await write(etag);
  // Older Ceph wants the tag without its quotes, and lets no other fit.
  const isPlain = right.status === 412 && isDone(await write(plain));
  const wrong = await write(isPlain ? plain : etag);
  const probe = { id: 'if-match', title: 'Write if unchanged' };
  if (isPlain && wrong.status === 412)
    return {
      ...probe,
      status: 'pass',
      found: 'the condition is honoured when the tag is sent without quotes; Gabarit does that',
    };
  return conditionProbe(probe, right, wrong);
}

function conditionProbe(probe: { id: string; title: string }, good: Answer, bad: Answer): StoreProbe {
  if (isDone(good) && bad.status === 412) return { ...probe, status: 'pass', found: 'the condition is honoured' };
  const hint = 'Publishers who write at the same time must then wait for each other another way; Gabarit does that by itself.';
  if (isDone(good) && isDone(bad))
    return { ...probe, status: 'warn', found: 'the condition is ignored: it is written all the same', hint };
  return { ...probe, status: 'warn', found: `the condition is not known (${wordsOf(isDone(good) ? bad : good)})`, hint };
}

/** Keys that must be encoded: servers and proxies differ in how they sign them. */
export async function probeKeys(place: Workplace): Promise<StoreProbe> {
  const probe = { id: 'keys', title: 'Odd keys' };
  const answer = await place.put('a b+c é', 'odd');
  if (isDone(answer)) return { ...probe, status: 'pass', found: 'keys with spaces, plus signs and accents work' };
  const found = `keys with spaces, plus signs or accents do not work (${wordsOf(answer)}): the path is encoded in another way there, or by a proxy`;
  return { ...probe, status: 'pass', found: `${found}; Gabarit has no such keys` };
}
