import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { addressOf } from '../../api/client.ts';

/**
 * Follows the milestones of a job. What they say is asked for again from the server, which alone knows the whole. The browser resumes
 * a broken stream by itself, where it broke off.
 */
export function useJobEvents(job: string, active: boolean): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!active) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const news = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ queryKey: ['GET /jobs/:job', { params: { job } }] });
      }, 150);
    };
    const stream = new EventSource(addressOf('GET /jobs/:job/events', { params: { job }, query: {} }));
    stream.addEventListener('message', news);
    return () => {
      stream.close();
      clearTimeout(timer);
    };
  }, [job, active, queries]);
}

/** When a job ends, there may be new images, channels and deployments: whatever is shown of them is asked for again. */
export function useNewsAtEnd(active: boolean): void {
  const queries = useQueryClient();
  const wasActive = useRef(active);
  useEffect(() => {
    if (wasActive.current && !active) void queries.invalidateQueries();
    wasActive.current = active;
  }, [active, queries]);
}
