import { stat } from 'node:fs/promises';
import { defaultStoreSettings } from '../../src/model/store-settings.ts';
import { openS3Store } from '../../src/stores/s3.ts';
import { digestOfFile } from '../../src/util/digest.ts';

/** A process that puts a file into an S3 store, to be killed: `node uploader.ts URL ENDPOINT FILE KEY`, with AWS_* in its environment. */
const [url = '', endpoint = '', path = '', key = ''] = process.argv.slice(2);
const settings = { ...defaultStoreSettings(url), endpoint, region: 'us-east-1', partSize: 5 * 2 ** 20 };
const store = openS3Store(url, { settings, environment: process.env, stateDir: `${path}.state`, emit: () => undefined });
await store.put(key, { path }, { digest: await digestOfFile(path), size: (await stat(path)).size });
