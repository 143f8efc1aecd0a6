import { appendFile } from 'node:fs/promises';
import { redact } from '../util/redact.ts';

/** Adds to a file that a CI system reads when the step has ended: the page of the run, or the outputs of the step. */
export async function appendReport(file: string | undefined, text: string): Promise<void> {
  if (file !== undefined) await appendFile(file, redact(text));
}
