import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';
import type { AnswerOf, CallOf, RouteKey } from '../../src/model/api/contract.ts';
import { call } from './client.ts';

/** A change that the server is asked for; what is shown of the named routes is asked for again afterwards. */
export function useChange<K extends RouteKey>(
  route: K,
  stale: RouteKey[],
  onDone?: (answer: AnswerOf<K>) => void,
): UseMutationResult<AnswerOf<K>, Error, CallOf<K>> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (given: CallOf<K>) => call(route, given),
    onSuccess: async (answer) => {
      await Promise.all(stale.map((name) => queries.invalidateQueries({ queryKey: [name] })));
      onDone?.(answer);
    },
  });
}
