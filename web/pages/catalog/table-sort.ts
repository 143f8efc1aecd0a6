import type { SortingState } from '@tanstack/react-table';

/** `-published` in the address is the column `published`, downwards. */
export function sortOf(text: string | undefined, usual: string): SortingState {
  const word = text ?? usual;
  return word === '' ? [] : [{ id: word.replace(/^-/, ''), desc: word.startsWith('-') }];
}

export function sortText([first]: SortingState): string | undefined {
  return first && `${first.desc ? '-' : ''}${first.id}`;
}
