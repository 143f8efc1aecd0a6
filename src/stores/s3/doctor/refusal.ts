import type { StoreProbe } from '../../../model/store-diagnosis.ts';
import { kindOf, wordsOf } from './answers.ts';
import type { Answer } from './ask.ts';

const probe = { id: 'signature', title: 'Signature', status: 'fail' } as const;
const serversWords = 'The words are those of the server; who runs it can tell more.';

/** What an answer means after which nothing more can be tried. */
export function refusal(answer: Answer): StoreProbe {
  switch (kindOf(answer)) {
    case 'unknown-key':
      return {
        ...probe,
        cause: 'access-key-unknown',
        found: 'the server does not know this access key',
        hint: 'Is it the key for this endpoint, written right, and not removed meanwhile?',
      };
    case 'token':
      return {
        ...probe,
        cause: 'token-invalid',
        found: `the session token is not valid (${wordsOf(answer)})`,
        hint: 'Get new credentials from where these came from.',
      };
    case 'added-headers':
      return {
        ...probe,
        cause: 'headers-changed',
        found: `a proxy adds headers that would have to be signed (${answer.fields['HeadersNotSigned']})`,
        hint: 'Let the proxy add none that begin with x-amz-.',
      };
    case 'foreign':
      return {
        ...probe,
        id: 's3',
        title: 'S3',
        cause: 'not-s3',
        found: `something answers, but it is no S3 (HTTP ${answer.status}, ${answer.headers['content-type'] ?? 'no content type'})`,
        hint: 'Is "endpoint" the address of S3 itself, and not of its web console or another server? A console often has another port.',
      };
    case 'silent':
      return {
        ...probe,
        id: 's3',
        title: 'S3',
        cause: 'no-answer',
        found: `no answer comes to a request (${wordsOf(answer)})`,
        hint: 'The log of the server, or of the proxy in front of it, may say why.',
      };
    default:
      return {
        ...probe,
        cause: 'refused',
        found: `the request is refused: ${wordsOf(answer)} (HTTP ${answer.status})`,
        hint: serversWords,
      };
  }
}

/** Refused for the same reason again, after it was dealt with. */
export function unexplained(answer: Answer): StoreProbe {
  const found = `the request is refused in every way that was tried (${wordsOf(answer)})`;
  return { ...probe, cause: 'signature-unexplained', found, hint: serversWords };
}
