import { createHmac, timingSafeEqual } from 'node:crypto';

/** Signatures of webhooks. GitHub signs the body alone; ours sign `time.body`, so that an old one cannot be sent again later. */

/** `X-Hub-Signature-256: sha256=HEX`, over the raw bytes. */
export function isSignedByGitHub(body: Buffer, header: string | undefined, secret: string): boolean {
  const hex = /^sha256=([0-9a-f]{64})$/.exec(header ?? '')?.[1];
  if (hex === undefined) return false;
  return timingSafeEqual(Buffer.from(hex, 'hex'), createHmac('sha256', secret).update(body).digest());
}

/** `t=SECONDS,v1=HEX,v1=HEX`: one signature for each active secret. */
export function signWebhook(body: string, secrets: readonly string[], now: Date): string {
  const time = Math.floor(now.getTime() / 1000);
  return [`t=${time}`, ...secrets.map((secret) => `v1=${hmac(secret, time, body)}`)].join(',');
}

/** How far the clocks of both sides may be apart, in seconds. */
export const windowSeconds = 300;

/** For receivers: whether a body was signed with this secret, within the last five minutes. */
export function isSignedWebhook(body: string, header: string | undefined, secret: string, now: Date): boolean {
  const parts = (header ?? '').split(',').map((part) => part.split('=', 2));
  const time = Number(parts.find(([name]) => name === 't')?.[1] ?? Number.NaN);
  if (!Number.isInteger(time) || Math.abs(now.getTime() / 1000 - time) > windowSeconds) return false;
  const wanted = Buffer.from(hmac(secret, time, body));
  return parts.some(
    ([name, value = '']) => name === 'v1' && value.length === wanted.length && timingSafeEqual(Buffer.from(value), wanted),
  );
}

function hmac(secret: string, time: number, body: string): string {
  return createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
}
