import type { FileStat, Finding, Rootfs, RootfsCheck } from '../../model/check.ts';

const known = new WeakMap<Rootfs, Promise<FileStat[]>>();
const maxFindings = 20;

/** Everything in the image, read once for all checks. */
export function allFiles(rootfs: Rootfs): Promise<FileStat[]> {
  const files = known.get(rootfs) ?? collect(rootfs);
  known.set(rootfs, files);
  return files;
}

async function collect(rootfs: Rootfs): Promise<FileStat[]> {
  const files: FileStat[] = [];
  for await (const file of rootfs.walk('/')) files.push(file);
  return files;
}

/** One failure for each message; many become few and a number. */
export function failures(messages: string[]): Finding[] {
  const shown = messages.length > maxFindings + 1 ? messages.slice(0, maxFindings) : messages;
  const rest = messages.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].map((message) => ({ status: 'fail', message }));
}

/** A check that looks at each file by itself: `fault` says what is wrong with it. */
export function fileCheck(id: string, title: string, fault: (file: FileStat) => string | undefined): RootfsCheck {
  return {
    id,
    title,
    on: 'rootfs',
    run: async ({ rootfs }) => failures((await allFiles(rootfs)).flatMap((file) => fault(file) ?? [])),
  };
}

/** A check that some paths do not exist. Empty folders may stay: a package owns them. */
export function absentCheck(id: string, title: string, patterns: RegExp[], why: string): RootfsCheck {
  return fileCheck(id, title, ({ path, type }) =>
    type !== 'directory' && patterns.some((pattern) => pattern.test(path)) ? `${path} ${why}` : undefined,
  );
}
