import type { Store } from '../../src/model/store.ts';

/** A store as some S3 endpoints are: it takes conditions of writes and does not look at them. */
export function ignoringStore(store: Store, ignored: { ifMatch: boolean; ifAbsent: boolean }): Store {
  return {
    ...store,
    put(key, source, { ifMatch, ifAbsent, ...options }) {
      const match = ifMatch === undefined || ignored.ifMatch ? {} : { ifMatch };
      const absent = ifAbsent === undefined || ignored.ifAbsent ? {} : { ifAbsent };
      return store.put(key, source, { ...options, ...match, ...absent });
    },
    conditionalWrites: async () => ({ ifMatch: !ignored.ifMatch, ifAbsent: !ignored.ifAbsent }),
  };
}
