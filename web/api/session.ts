import { type UseMutationResult, type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { Me } from '../../src/model/api/access.ts';
import type { Role } from '../../src/model/api/contract-type.ts';
import { ask } from './ask.ts';
import { call } from './client.ts';

const ranks: Record<Role, number> = { viewer: 0, builder: 1, publisher: 2, admin: 3 };

export const meQuery = ask('GET /session', {});

export function useMe(): UseQueryResult<Me> {
  return useQuery(meQuery);
}

/** The most that somebody may do anywhere. */
export function highestRole(me: Me | undefined): Role | undefined {
  return me?.grants.map(({ role }) => role).toSorted((a, b) => ranks[b] - ranks[a])[0];
}

/**
 * Whether the person has a role, so that the page shows no door that does not open. The server decides: one who has the role for
 * some templates only is told by its answer.
 */
export function useMay(): (role: Role) => boolean {
  const { data } = useMe();
  const highest = highestRole(data);
  return (role) => highest !== undefined && ranks[highest] >= ranks[role];
}

export function useLogOut(): UseMutationResult<unknown, Error, void> {
  const queries = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: () => call('DELETE /session', {}),
    onSettled: async () => {
      queries.clear();
      await navigate({ to: '/login' });
    },
  });
}
