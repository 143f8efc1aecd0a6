import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startXapi } from '../xapi.ts';

/**
 * A fake pool in a process of its own: `node test/fakes/xapi/serve.ts --folder DIR [--hosts 2] [--thin] [--task-ms 50]`.
 * Prints one line of JSON when it is ready: hosts with addresses and fingerprints, user, password. Ends on SIGTERM.
 */
const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    hosts: { type: 'string', default: '1' },
    thin: { type: 'boolean', default: false },
    'task-ms': { type: 'string', default: '5' },
  },
});
if (values.folder === undefined) throw new Error('--folder is missing');
const pool = await startXapi(values.folder, {
  hosts: Number(values.hosts),
  srs: [{ name: 'Local storage', thin: values.thin }],
  faults: { taskMs: Number(values['task-ms']) },
});
const { hosts, user, password } = pool;
process.stdout.write(`${JSON.stringify({ hosts, user, password })}\n`);
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
await pool.close();
