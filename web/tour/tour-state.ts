import { useSyncExternalStore } from 'react';

/** Whether the tour is shown: at first to everybody, until it was closed in this browser. */

const remembered = 'gabarit.tour';
const listeners = new Set<() => void>();

function set(value: string): void {
  localStorage.setItem(remembered, value);
  for (const listener of listeners) listener();
}

export function showTour(): void {
  set('open');
}

export function endTour(): void {
  set('done');
}

export function useTourIsOpen(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => localStorage.getItem(remembered) !== 'done',
  );
}
