import { text } from 'node:stream/consumers';
import { publish } from '../../src/catalog/publish.ts';
import type { Store } from '../../src/model/store.ts';
import { defaultStoreSettings } from '../../src/model/store-settings.ts';
import { openFileStore } from '../../src/stores/file.ts';
import { openS3Store } from '../../src/stores/s3.ts';

/** A process that reads what to publish from its standard input, publishes it, and stops itself by SIGSTOP right before it writes the index or a change for the first time. */

interface Request {
  output: string;
  store: string;
  stateDir: string;
  job?: string;
  s3?: { url: string; region: string; accessKey: string; secretKey: string };
}

const { output, store, stateDir, job, s3 } = JSON.parse(await text(process.stdin)) as Request;
let hasSlept = false;

function open(): Store {
  if (!s3) return openFileStore(store);
  const { url: endpoint, region, accessKey, secretKey } = s3;
  const settings = {
    ...defaultStoreSettings('s3://images/x'),
    endpoint,
    region,
    credentials: { accessKey: 'env:A', secretKey: 'env:S' },
  };
  const environment = { A: accessKey, S: secretKey };
  return openS3Store('s3://images/x', { settings, environment, stateDir, emit: () => undefined });
}

const awake = open();
const sleepy: Store = {
  ...awake,
  put(key, source, options) {
    if (!hasSlept && /\/(index|changes\/[^/]+)\.json$/.test(key)) {
      hasSlept = true;
      process.kill(process.pid, 'SIGSTOP');
    }
    return awake.put(key, source, options);
  },
};
await publish(output, sleepy, { job, emit: () => undefined });
process.exit(0);
