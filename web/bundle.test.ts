import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, test, vi } from 'vitest';

/** Bundles the page in memory, and weighs it as it goes over the line. */

let files: Map<string, Rolldown.OutputChunk | Rolldown.OutputAsset>;

beforeAll(async () => {
  // The test runner's own value would bring React's development build.
  vi.stubEnv('NODE_ENV', 'production');
  const built = await build({ configFile: `${import.meta.dirname}/vite.config.ts`, logLevel: 'silent', build: { write: false } });
  const { output } = [built].flat()[0] as Rolldown.RolldownOutput;
  files = new Map(output.map((file) => [file.fileName, file]));
  vi.unstubAllEnvs();
});

function weight(file: Rolldown.OutputChunk | Rolldown.OutputAsset | undefined): number {
  if (file === undefined) return 0;
  return gzipSync(file.type === 'chunk' ? file.code : file.source, { level: 6 }).length;
}

/** What a page needs before it shows: its file, all that this imports at once, and their styles. */
function firstLoad(entry: Rolldown.OutputChunk): Set<string> {
  const needed = new Set<string>();
  const visit = (name: string): void => {
    if (needed.has(name)) return;
    needed.add(name);
    const file = files.get(name);
    if (file?.type !== 'chunk') return;
    for (const style of file.viteMetadata?.importedCss ?? []) needed.add(style);
    file.imports.forEach(visit);
  };
  visit(entry.fileName);
  return needed;
}

test('the catalog, with all that it needs, is at most 250 kB with gzip', () => {
  const entry = [...files.values()].find((file) => file.type === 'chunk' && file.isEntry) as Rolldown.OutputChunk;
  const needed = [...firstLoad(entry)];
  const whole = needed.reduce((sum, name) => sum + weight(files.get(name)), 0);
  expect(whole).toBeGreaterThan(100_000);
  expect(whole, needed.join(' ')).toBeLessThanOrEqual(250_000);
});

test('console, editor, and pages other than the catalog come when they are asked for', () => {
  const entry = [...files.values()].find((file) => file.type === 'chunk' && file.isEntry) as Rolldown.OutputChunk;
  const needed = firstLoad(entry);
  const modules = [...needed].flatMap((name) => {
    const file = files.get(name);
    return file?.type === 'chunk' ? file.moduleIds : [];
  });
  expect(modules.some((id) => id.includes('pages/catalog/catalog-page'))).toBe(true);
  expect(modules.filter((id) => /@novnc|codemirror|\/yaml\/|size-map|pages\/(image|job|build)\//.test(id))).toEqual([]);
});

test('nothing of the server is in the bundle', () => {
  const modules = [...files.values()].flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  expect(modules.filter((id) => /\/src\/(?!model)/.test(id) && !id.includes('node_modules'))).toEqual([]);
  expect(modules.filter((id) => id.includes('/zod/') || /\/src\/model\//.test(id))).toEqual([]);
});
