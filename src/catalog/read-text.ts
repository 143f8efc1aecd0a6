import { text } from 'node:stream/consumers';
import type { Store } from '../model/store.ts';

/** An object as text. @throws AppError NOT_FOUND, STORE_FAILED */
export async function readText(store: Store, key: string): Promise<string> {
  return text(await store.get(key));
}
