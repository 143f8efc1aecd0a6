import { QueryClient } from '@tanstack/react-query';
import { ApiError } from './client.ts';

/** What the server refuses it refuses again; only what may pass by itself is asked twice. */
function mayPass(error: Error): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 502 || error.status === 503);
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 10_000, retry: (count, error) => count < 2 && mayPass(error) },
    mutations: { retry: false },
  },
});
