import { tmpdir } from 'node:os';
import { defaultStoreSettings } from '../../src/model/store-settings.ts';
import { openS3Store } from '../../src/stores/s3.ts';

/** One upload as `gabarit publish` makes it, in a process of its own: `node gabarit.ts URL ENDPOINT CA FILE KEY SIZE DIGEST`. */
const [url = '', endpoint = '', ca = '', path = '', key = '', size = '', digest = ''] = process.argv.slice(2);
const settings = {
  ...defaultStoreSettings(url),
  endpoint,
  ...(ca === '' ? {} : { ca }),
  credentials: { accessKey: 'env:GABARIT_TEST_ACCESS', secretKey: 'env:GABARIT_TEST_SECRET' },
};
const store = openS3Store(url, { settings, environment: process.env, stateDir: tmpdir(), emit: () => undefined });
await store.put(key, { path }, { digest, size: Number(size) });
process.exit();
