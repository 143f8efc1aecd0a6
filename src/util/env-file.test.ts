import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { appErrorOf, folderOf } from '../../test/definitions/folder.ts';
import { readCredential, readCredentials } from './credential.ts';
import { parseEnvFile, withEnvFile } from './env-file.ts';
import { redact } from './redact.ts';

const body = 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5';
const pem = `-----BEGIN PRIVATE KEY-----\n${body.slice(0, 64)}\n${body.slice(64)}\n-----END PRIVATE KEY-----`;

describe('variables that get lost on their way into a job', () => {
  const github = { CI: 'true', GITHUB_ACTIONS: 'true' };

  it('an empty secret, as forks have it: named, with the reason', async () => {
    const error = await appErrorOf(readCredential('env:S3_SECRET', { ...github, S3_SECRET: '' }));
    expect(error.message).toBe('The credential env:S3_SECRET is empty: the variable is set, and nothing is in it');
    expect(error.hint).toContain('pull requests from forks get none');
    expect((await appErrorOf(readCredential('env:S3_SECRET', { GITLAB_CI: 'true', S3_SECRET: ' \r\n' }))).hint).toContain(
      'Protected variables',
    );
  });

  it('several that are missing: all of them at once', async () => {
    const error = await appErrorOf(readCredentials(['env:A', 'env:B', 'env:C'], { ...github, B: 'a-real-value' }));
    expect(error.faults.map(({ message }) => message)).toEqual([
      'The credential env:A is missing: no variable A is in the environment',
      'The credential env:C is missing: no variable C is in the environment',
    ]);
    expect(await readCredentials(['env:B'], { B: 'a-real-value' })).toEqual(['a-real-value']);
  });

  it.each(['***', '********', '[MASKED]', '[redacted]', 'xxxxxxxx'])('a mask in its place: %s', async (value) => {
    expect((await appErrorOf(readCredential('env:S', { S: value }))).message).toBe(
      'The credential env:S holds the mask that is shown in its place, not the value',
    );
  });

  it.each(['${{ secrets.S3_SECRET }}', '$S3_SECRET', '${S3_SECRET}', '%S3_SECRET%'])(
    'an expression that nobody filled in: %s',
    async (value) => {
      expect((await appErrorOf(readCredential('env:S', { S: value }))).message).toContain(
        'an expression that nobody has filled in',
      );
    },
  );

  it.each(['"quoted-secret-1"', "'quoted-secret-1'"])('quotes around it: %s', async (value) => {
    const error = await appErrorOf(readCredential('env:S', { S: value }));
    expect(error.message).toContain('stands in quotes');
    expect(JSON.stringify([error.message, error.hint, error.faults])).not.toContain('quoted-secret');
  });

  it.each(['secret-value-1\r\n', '\uFEFFsecret-value-1', ' secret-value-1\n', 'secret-value-1\r'])(
    'what Windows and editors put around it is taken off: %j',
    async (value) => {
      expect(await readCredential('env:S', { S: value })).toBe('secret-value-1');
    },
  );

  it.each([
    ['line breaks of Windows', pem.replaceAll('\n', '\r\n')],
    ['\\n in their place', pem.replaceAll('\n', '\\n')],
    ['spaces in their place', pem.replaceAll('\n', ' ')],
    ['a line break at its end', `${pem}\n`],
  ])('a key of several lines with %s is mended', async (_, value) => {
    expect(await readCredential('env:KEY', { KEY: value })).toBe(pem);
  });

  it.each([
    ['its first line alone', '-----BEGIN PRIVATE KEY-----'],
    ['no end', pem.slice(0, -30)],
    ['another end', pem.replace('END PRIVATE', 'END PUBLIC')],
  ])('a key with %s is refused', async (_, value) => {
    expect((await appErrorOf(readCredential('env:KEY', { KEY: value }))).message).toBe(
      'The credential env:KEY holds a key that is cut off',
    );
  });

  it('a value is never shown, not even one that is refused', async () => {
    const error = await appErrorOf(readCredential('env:KEY', { KEY: pem.slice(0, -30) }));
    expect(JSON.stringify([error.message, error.hint, error.faults, error.details])).not.toContain(body.slice(0, 20));
    expect(redact(`oh: ${body.slice(0, 64)}`)).not.toContain(body.slice(0, 64));
  });
});

describe('a file of variables', () => {
  it('is never read in CI', async () => {
    const path = join(folderOf({ '.env': 'A=1\n' }), '.env');
    for (const environment of [{ CI: 'true' }, { CI: '1' }, { GITHUB_ACTIONS: 'true' }, { GITLAB_CI: 'true' }])
      expect((await appErrorOf(withEnvFile(path, environment))).code).toBe('USAGE');
  });

  it('fills in what the environment lacks, and is named when something is missing', async () => {
    const path = join(folderOf({ 'my.env': 'A=from-the-file\nB=from-the-file\n' }), 'my.env');
    const environment = await withEnvFile(path, { A: 'from-outside', CI: 'false' });
    expect([await readCredential('env:A', environment), await readCredential('env:B', environment)]).toEqual([
      'from-outside',
      'from-the-file',
    ]);
    expect((await appErrorOf(readCredential('env:C', environment))).message).toBe(
      `The credential env:C is missing: no variable C is in the environment, nor in ${path}`,
    );
    expect((await appErrorOf(withEnvFile(`${path}.none`, {}))).code).toBe('CONFIG_INVALID');
  });

  it('keeps quoted values, several lines, CRLF, and what looks like a comment', () => {
    const text = `\uFEFF# a comment\r\nexport A=1\r\nB="two words # not a comment"  # one\r\nC='as it $stands "here"'\r\nD=plain # one\r\nE=a#b\r\nKEY="${pem.replaceAll('\n', '\r\n')}"\r\nF="a\\nb\\"c\\\\d"\r\nEMPTY=\r\n`;
    expect(parseEnvFile(text, '.env')).toEqual({
      A: '1',
      B: 'two words # not a comment',
      C: 'as it $stands "here"',
      D: 'plain',
      E: 'a#b',
      KEY: pem,
      F: 'a\nb"c\\d',
      EMPTY: '',
    });
  });

  it('tells every line that means nothing, instead of losing it', () => {
    const text = 'A = 1\nB: 2\nD=4\nD=5\nE="x" y\n1F=2\nC="no end\nG=7\n';
    let faults: unknown[] = [];
    try {
      parseEnvFile(text, '.env');
    } catch (error) {
      ({ faults } = error as { faults: { line: number; message: string }[] });
    }
    expect(faults.map((fault) => (fault as { line: number }).line)).toEqual([1, 2, 4, 5, 6, 7]);
    expect(faults[5]).toMatchObject({ message: expect.stringContaining('has no end') });
  });
});

test('a file called .env is not read when nobody asks for it, and one that was asked for is read by our rules, for all', async () => {
  const folder = folderOf({});
  writeFileSync(join(folder, '.env'), 'GABARIT_OUT=/from-the-env-file\n');
  writeFileSync(join(folder, 'mine'), 'GABARIT_OUT=/mine\nGABARIT_STORE=/store-of-mine\n');
  writeFileSync(join(folder, 'wrong'), 'this means nothing\n');
  const { exec } = await import('./exec.ts');
  const launcher = join(import.meta.dirname, '../../gabarit');
  const run = async (...args: string[]): Promise<string> =>
    (await exec([launcher, ...args, '--json'], { cwd: folder, okExitCodes: [0, 2, 7] })).stdout;
  expect(await run('ci', 'folder', 'x')).not.toContain('/from-the-env-file');
  expect(await run('ci', 'folder', 'x', '--env-file', 'mine')).toContain('"There is no image of x in /mine"');
  expect(await run('--env-file', 'mine', 'catalog', 'ls')).toContain('There is no folder /store-of-mine');
  expect(await run('catalog', 'ls', '--store', '/given', '--env-file=mine')).toContain('There is no folder /given');
  expect(await run('catalog', 'ls', '--env-file', 'wrong')).toMatch(/"CONFIG_INVALID".*is no NAME=value/);
  expect(await run('catalog', 'ls', '--env-file', 'none')).toContain('none cannot be read');
});
