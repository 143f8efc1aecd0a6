import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { isSignedByGitHub, isSignedWebhook, signWebhook } from './webhook-signature.ts';

test("GitHub's own example is right, and nothing else", () => {
  // From GitHub's documentation on validating deliveries.
  const secret = "It's a Secret to Everybody";
  const body = Buffer.from('Hello, World!');
  const right = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
  expect(isSignedByGitHub(body, right, secret)).toBe(true);
  const sha1 = `sha1=${createHmac('sha1', secret).update(body).digest('hex')}`;
  for (const wrong of [
    undefined,
    '',
    'sha256=',
    right.slice(0, -1),
    `${right}0`,
    right.toUpperCase(),
    right.slice(7),
    sha1,
    `sha256=${'0'.repeat(64)}`,
    `${right},${right}`,
    ` ${right}`,
  ]) {
    expect(isSignedByGitHub(body, wrong, secret)).toBe(false);
  }
  expect(isSignedByGitHub(Buffer.from('Hello, World! '), right, secret)).toBe(false);
  expect(isSignedByGitHub(body, right, 'another secret')).toBe(false);
});

test('our signature holds for five minutes, with either of two secrets', () => {
  const now = new Date('2026-11-25T10:00:00Z');
  const header = signWebhook('{}', ['old', 'new'], now);
  expect(header).toMatch(/^t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/);
  const at = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
  for (const secret of ['old', 'new']) {
    expect(isSignedWebhook('{}', header, secret, now)).toBe(true);
    expect(isSignedWebhook('{}', header, secret, at(300))).toBe(true);
    expect(isSignedWebhook('{}', header, secret, at(301))).toBe(false);
    expect(isSignedWebhook('{}', header, secret, at(-301))).toBe(false);
    expect(isSignedWebhook('{ }', header, secret, now)).toBe(false);
  }
  expect(isSignedWebhook('{}', header, 'other', now)).toBe(false);
  const later = header.replace(/^t=\d+/, `t=${at(400).getTime() / 1000}`);
  for (const wrong of [undefined, '', 't=,v1=', header.replace(/^t=\d+,/, ''), later])
    expect(isSignedWebhook('{}', wrong, 'new', at(400))).toBe(false);
});
