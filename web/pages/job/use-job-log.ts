import { useEffect, useRef, useState } from 'react';
import type { ApiLogLine } from '../../../src/model/api/jobs.ts';
import { call } from '../../api/client.ts';

interface JobLog {
  lines: ApiLogLine[];
  error: Error | undefined;
  /** Whether the first part has come. */
  loaded: boolean;
}

const everyMs = 700;

/**
 * The log of a job's last attempt, part by part from where one has it: no line is missing, none is there twice. While the job runs,
 * it is asked for more.
 */
export function useJobLog(job: string, attempt: number, active: boolean): JobLog {
  const [log, setLog] = useState<JobLog>({ lines: [], error: undefined, loaded: false });
  const place = useRef(0);
  useEffect(() => {
    place.current = 0;
    setLog({ lines: [], error: undefined, loaded: false });
  }, [job, attempt]);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const bring = async (): Promise<void> => {
      try {
        const query = { position: place.current, limit: 5000, ...(attempt > 0 ? { attempt } : {}) };
        const { lines, next } = await call('GET /jobs/:job/log', { params: { job }, query }, { signal: stop.signal });
        const isMore = next > place.current;
        place.current = next;
        setLog((known) => ({
          lines: lines.length > 0 ? [...known.lines, ...lines] : known.lines,
          error: undefined,
          loaded: true,
        }));
        if (active || isMore) timer = setTimeout(() => void bring(), isMore ? 50 : everyMs);
      } catch (caught) {
        if (stop.signal.aborted) return;
        const error = caught instanceof Error ? caught : new Error(String(caught));
        setLog((known) => ({ ...known, error }));
        if (active) timer = setTimeout(() => void bring(), 5 * everyMs);
      }
    };
    void bring();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [job, attempt, active]);
  return log;
}
