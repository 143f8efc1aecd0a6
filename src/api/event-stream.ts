import type { FastifyReply } from 'fastify';

/** Server-sent events: text that a browser reads as it comes, and asks for again after what it saw last. */

/** Proxies and browsers give up on what is silent for long. */
const pulseMs = 15_000;

export interface StreamedEvent {
  id?: string;
  event?: string;
  data: unknown;
}

/** Sends events until they end or the client goes; a slow client slows the source down, and nothing is kept for it. */
export async function sendEvents(
  reply: FastifyReply,
  events: AsyncIterable<StreamedEvent>,
  gone: AbortController,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.once('close', () => gone.abort());
  raw.on('error', () => gone.abort());
  const headers = {
    ...reply.getHeaders(),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  };
  raw.writeHead(200, headers as Record<string, string>);
  raw.write('retry: 1000\n\n');
  const pulse = setInterval(() => raw.write(':\n\n'), pulseMs);
  try {
    for await (const { id, event, data } of events) {
      if (gone.signal.aborted) break;
      const text = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
      if (!raw.write(text))
        await new Promise<void>((resolve) => {
          const go = (): void => {
            raw.off('drain', go);
            raw.off('close', go);
            resolve();
          };
          raw.once('drain', go);
          raw.once('close', go);
        });
    }
  } finally {
    clearInterval(pulse);
    raw.end();
  }
}
