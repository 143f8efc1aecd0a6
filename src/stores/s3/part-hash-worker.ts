import { createHash, hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { HashResult, HashTask } from './part-hasher.ts';

/** The other end of part-hasher. */
const whole = createHash('sha256');

function answer(task: HashTask): HashResult {
  if (task === 'end') return { md5: '', sha256: whole.digest('hex') };
  whole.update(task.bytes);
  return { md5: hash('md5', task.bytes), sha256: task.withSha256 ? hash('sha256', task.bytes) : '' };
}

parentPort?.on('message', (task: HashTask) => {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
  parentPort?.postMessage(answer(task));
});
