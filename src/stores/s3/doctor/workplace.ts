import { randomBytes } from 'node:crypto';
import { ask, type Answer, isDone, type Line, type Question } from './ask.ts';

/** A place of its own below the prefix of a store, for tiny objects that are all deleted again. */
export interface Workplace {
  line: Line;
  /** With `/` at its end. */
  prefix: string;
  /** Writes an object; what was written is known, and goes away at the end. */
  put(name: string, body: string, question?: Partial<Question>): Promise<Answer>;
  get(name: string): Promise<Answer>;
  remove(name: string): Promise<Answer>;
  /** Begins an upload in parts. */
  begin(name: string): Promise<Answer & { uploadId: string }>;
  inUpload(method: string, name: string, query: Record<string, string>, body?: string): Promise<Answer>;
  /** Deletes all that is left, also when it was cancelled. Returns the keys that it could not delete. */
  clear(): Promise<string[]>;
}

const clearWithinMs = 20_000;

export function openWorkplace(line: Line, storePrefix: string, probePrefix: string): Workplace {
  const prefix = `${storePrefix}${probePrefix}doctor-${randomBytes(6).toString('hex')}/`;
  const objects = new Set<string>();
  const uploads = new Map<string, string>();

  async function put(name: string, body: string, question: Partial<Question> = {}): Promise<Answer> {
    const object = prefix + name;
    const isNew = !objects.has(object);
    objects.add(object);
    const answer = await ask(line, { method: 'PUT', object, body, ...question });
    // Only a clear refusal says that it is not there: what a broken connection or a busy server did is not known.
    if (isNew && (answer.status === 501 || (answer.status >= 400 && answer.status < 500))) objects.delete(object);
    return answer;
  }

  async function remove(name: string): Promise<Answer> {
    const answer = await ask(line, { method: 'DELETE', object: prefix + name });
    if (isDone(answer)) objects.delete(prefix + name);
    return answer;
  }

  async function begin(name: string): Promise<Answer & { uploadId: string }> {
    const answer = await ask(line, { method: 'POST', object: prefix + name, query: { uploads: '' } });
    const uploadId = /<UploadId>([^<]+)</.exec(answer.body)?.[1] ?? '';
    if (uploadId !== '') uploads.set(uploadId, prefix + name);
    return { ...answer, uploadId };
  }

  async function inUpload(method: string, name: string, query: Record<string, string>, body?: string): Promise<Answer> {
    if (method === 'POST') objects.add(prefix + name);
    const answer = await ask(line, { method, object: prefix + name, query, ...(body === undefined ? {} : { body }) });
    if (['DELETE', 'POST'].includes(method) && isDone(answer) && answer.code === '') uploads.delete(query['uploadId'] ?? '');
    return answer;
  }

  async function clear(): Promise<string[]> {
    const quiet: Line = { ...line, signal: AbortSignal.timeout(clearWithinMs) };
    const gone = async (question: Question): Promise<boolean> => {
      try {
        const answer = await ask(quiet, question);
        return isDone(answer) || answer.status === 404;
      } catch {
        // Out of time: then it is named as left behind.
        return false;
      }
    };
    const left: string[] = [];
    for (const [uploadId, object] of uploads)
      if (!(await gone({ method: 'DELETE', object, query: { uploadId } }))) left.push(`${object} (unfinished upload)`);
    for (const object of objects) if (!(await gone({ method: 'DELETE', object }))) left.push(object);
    return left;
  }

  return {
    line,
    prefix,
    put,
    get: (name) => ask(line, { method: 'GET', object: prefix + name }),
    remove,
    begin,
    inUpload,
    clear,
  };
}
