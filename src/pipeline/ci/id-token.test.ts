import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { appErrorOf, folderOf } from '../../../test/definitions/folder.ts';
import { redact } from '../../util/redact.ts';
import { writeIdToken } from './id-token.ts';

const token = `${'h'.repeat(20)}.${'p'.repeat(40)}.${'s'.repeat(40)}`;
const { signal } = new AbortController();

/** What GitHub's runner offers to a job: an address on this host that gives a token to who has the bearer. */
async function tokenServer(answer: unknown = { value: token }): Promise<Record<string, string>> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://host');
    const good =
      request.headers.authorization === 'Bearer let-me-in-1234567' &&
      url.searchParams.get('audience') === 'sts' &&
      url.searchParams.get('api-version') === '2';
    response.writeHead(good ? 200 : 401).end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  return {
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'let-me-in-1234567',
  };
}

test('the token lies in a file that only this user can read, and is shown nowhere', async () => {
  const file = join(folderOf({}), 'token');
  await writeIdToken(file, 'sts', await tokenServer(), signal);
  expect(await readFile(file, 'utf8')).toBe(token);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(redact(`the token is ${token}`)).not.toContain(token);
});

test('a job without the right is told which one', async () => {
  const file = join(folderOf({}), 'token');
  const error = await appErrorOf(writeIdToken(file, 'sts', { ACTIONS_ID_TOKEN_REQUEST_URL: '', GITHUB_ACTIONS: 'true' }, signal));
  expect([error.code, error.hint]).toEqual(['CONFIG_INVALID', expect.stringContaining('id-token: write')]);
  const refused = await appErrorOf(writeIdToken(file, 'other', await tokenServer(), signal));
  expect([refused.code, refused.message]).toEqual(['STORE_DENIED', expect.stringContaining('401')]);
});

test.each([{ value: '***' }, { value: '' }, {}, 'text'])('what is no token is refused: %j', async (answer) => {
  const error = await appErrorOf(writeIdToken(join(folderOf({}), 'token'), 'sts', await tokenServer(answer), signal));
  expect(error.code).toBe('CONFIG_INVALID');
});

test('GitLab gives it as a variable', async () => {
  const file = join(folderOf({}), 'token');
  await writeIdToken(file, 'sts', { GITLAB_CI: 'true', GABARIT_ID_TOKEN: `${token}\n` }, signal);
  expect(await readFile(file, 'utf8')).toBe(token);
  expect((await appErrorOf(writeIdToken(file, 'sts', { GITLAB_CI: 'true' }, signal))).hint).toContain(
    'id_tokens: { GABARIT_ID_TOKEN: { aud: sts } }',
  );
});
