import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { ApiError } from './client.ts';

/** What the server refuses it refuses again; only what may pass by itself is asked twice. */
function mayPass(error: Error): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 502 || error.status === 503);
}

/** Called when the server does not know the person any more: a session that ended, or was ended by somebody else. */
export const onLoggedOut: { act: () => void } = { act: () => undefined };

function onError(error: Error): void {
  if (error instanceof ApiError && error.status === 401) onLoggedOut.act();
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: { staleTime: 10_000, retry: (count, error) => count < 2 && mayPass(error) },
    mutations: { retry: false },
  },
});
