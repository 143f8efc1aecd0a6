import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { build } from 'vite';

/** `npm run build:web`: bundles the page into `web/dist`, and packs it once for every reader. Quiet, for the launcher runs it, too. */
await build({ configFile: join(import.meta.dirname, 'vite.config.ts'), logLevel: 'warn' });

const assets = join(import.meta.dirname, 'dist/assets');
for (const name of await readdir(assets)) {
  const bytes = await readFile(join(assets, name));
  await writeFile(join(assets, `${name}.gz`), await promisify(gzip)(bytes, { level: 9 }));
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 9 };
  await writeFile(join(assets, `${name}.br`), await promisify(brotliCompress)(bytes, { params: quality }));
}
