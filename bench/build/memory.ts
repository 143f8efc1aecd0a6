import { readdir, readFile } from 'node:fs/promises';

/** Bytes, at their highest. */
export interface Memory {
  /** All our descendants together. What they share is counted for each of them, so it is rather more than they really hold. */
  tree: number;
  /** The largest process. */
  process: number;
  /** Its name. */
  name: string;
}

/** Looks four times a second at what the descendants of this process hold in memory, until it is stopped. */
export function watchMemory(): { peak: Memory; stop(): void } {
  const peak: Memory = { tree: 0, process: 0, name: '' };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look(peak).finally(() => {
      looking = false;
    });
  }, 250);
  return { peak, stop: () => clearInterval(timer) };
}

async function look(peak: Memory): Promise<void> {
  const processes = new Map<number, { parent: number; resident: number; name: string }>();
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  await Promise.all(
    ids.map(async (id) => {
      const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => ''); // It has ended meanwhile.
      const field = (name: string): string => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(status)?.[1] ?? '';
      // Kernel threads hold none, and have no such line.
      processes.set(id, {
        parent: Number.parseInt(field('PPid'), 10),
        resident: (Number.parseInt(field('VmRSS'), 10) || 0) * 1024,
        name: field('Name'),
      });
    }),
  );
  const isOurs = (id: number): boolean => {
    const parent = processes.get(id)?.parent;
    return parent !== undefined && parent > 0 && (parent === process.pid || isOurs(parent));
  };
  let tree = 0;
  for (const [id, { resident, name }] of processes) {
    if (!isOurs(id)) continue;
    tree += resident;
    if (resident > peak.process) Object.assign(peak, { process: resident, name });
  }
  peak.tree = Math.max(peak.tree, tree);
}
