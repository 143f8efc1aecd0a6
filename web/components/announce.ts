/** What was just done, said for some seconds. */
export interface Announcement {
  id: number;
  message: string;
}

const shownMs = 7000;
let all: readonly Announcement[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: readonly Announcement[]): void {
  all = next;
  for (const listener of listeners) listener();
}

/** Says that something was done; readers of screens hear it. */
export function announce(message: string): void {
  last += 1;
  const id = last;
  set([...all, { id, message }].slice(-3));
  setTimeout(() => dismiss(id), shownMs);
}

export function dismiss(id: number): void {
  set(all.filter((one) => one.id !== id));
}

export function announcements(): readonly Announcement[] {
  return all;
}

export function onAnnounce(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
