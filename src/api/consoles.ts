import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { WebSocket } from 'ws';
import { openRfb } from '../clients/rfb/open.ts';
import { encodePng } from '../clients/rfb/png.ts';
import { ViewOnly } from '../clients/rfb/view-only.ts';
import { AppError, errnoOf } from '../util/errors.ts';

/** Screens of the machines that the jobs of this host are testing: QEMU listens on a socket in a folder of the job. */
export interface Consoles {
  /** Names of machines. */
  list(job: string): Promise<string[]>;
  /** A PNG. @throws AppError NOT_FOUND, TARGET_FAILED, TIMEOUT */
  screenshot(job: string, machine: string, signal: AbortSignal): Promise<Buffer>;
  /** Passes bytes between a browser and a machine until one of them ends; without `control`, no keys go there. */
  bridge(job: string, machine: string, browser: WebSocket, options: { control: boolean }): Promise<void>;
}

const ending = '.vnc';
/** A browser that reads so slowly that this much waits for it is cut off. */
const mostWaiting = 8 * 2 ** 20;

export function openConsoles(folder: string): Consoles {
  async function list(job: string): Promise<string[]> {
    try {
      const names = await readdir(join(folder, job));
      return names
        .filter((name) => name.endsWith(ending))
        .map((name) => name.slice(0, -ending.length))
        .toSorted();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  async function dial(job: string, machine: string): Promise<Socket> {
    // Only what is in the list: names come from outside.
    if ((await list(job)).includes(machine)) {
      const socket = connect(join(folder, job, machine + ending));
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (isOpen) return socket;
    }
    throw new AppError('NOT_FOUND', `Job ${job} tests no machine ${machine} on this host`, {
      hint: 'Machines are there only while they are tested.',
    });
  }

  return {
    list,
    async screenshot(job, machine, signal) {
      const socket = await dial(job, machine);
      const rfb = await openRfb(socket, { signal, timeoutMs: 10_000 });
      try {
        return encodePng(await rfb.capture());
      } finally {
        rfb.close();
      }
    },
    async bridge(job, machine, browser, { control }) {
      const socket = await dial(job, machine);
      const filter = control ? undefined : new ViewOnly();
      const end = (): void => {
        socket.destroy();
        browser.close();
      };
      socket.on('data', (bytes) => {
        browser.send(bytes);
        if (browser.bufferedAmount > mostWaiting) end();
      });
      socket.once('close', end);
      socket.on('error', end);
      browser.on('message', (data: Buffer, isBinary) => {
        try {
          if (!isBinary) throw new Error('text is not expected');
          const bytes = filter ? filter.pass(data) : data;
          if (bytes.length > 0) socket.write(bytes);
        } catch {
          end();
        }
      });
      browser.once('close', end);
      browser.on('error', end);
    },
  };
}
