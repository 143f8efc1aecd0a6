import { AppError } from '../../util/errors.ts';
import { type Connections, headlineOf } from './connection.ts';
import { connectionError } from './connection.ts';
import { formatHost, type HostAddress } from './host-address.ts';
import type { Session } from './session.ts';

const maxBytes = 64 * 1024 * 1024;
/** The host itself gives up after 30 s. */
const hostPatienceMs = 40_000;

/**
 * What a console shows, as JPEG: the host looks at it by itself.
 * @throws AppError TARGET_DENIED, TARGET_FAILED when the VM does not run or the host cannot, TARGET_UNREACHABLE, CANCELLED
 */
export async function screenshotOf(
  connections: Connections,
  session: Session,
  host: HostAddress,
  vmUuid: string,
  signal: AbortSignal | undefined,
  timeoutMs: number,
): Promise<Uint8Array> {
  for (let renewed = false; ; renewed = true) {
    const used = session.id;
    const { status, body } = await connections.request({
      method: 'GET',
      host,
      path: `/vncsnapshot?${new URLSearchParams({ uuid: vmUuid }).toString()}`,
      headers: { cookie: `session_id=${used}` },
      harmless: true,
      timeoutMs: Math.max(timeoutMs, hostPatienceMs),
      signal,
    });
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > maxBytes) throw new AppError('TARGET_FAILED', `The picture that ${formatHost(host)} sends is too large`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw connectionError(error, host);
    }
    const picture = Buffer.concat(chunks);
    if (status === 200 && picture[0] === 0xff && picture[1] === 0xd8) return picture;
    if (status === 401 && !renewed) {
      await session.renew(used, signal);
      continue;
    }
    const words = status === 200 ? 'something that is no JPEG' : `HTTP ${status}: ${headlineOf(picture.toString('utf8'))}`;
    throw new AppError(
      status === 401 || status === 403 ? 'TARGET_DENIED' : 'TARGET_FAILED',
      `${formatHost(host)} gave no picture of the console: ${words}`,
      { hint: 'A console exists while the VM runs, and on the host where it runs.', details: { http: status } },
    );
  }
}
