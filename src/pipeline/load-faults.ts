import { AppError, type Fault } from '../util/errors.ts';
import type { Path, Place, Tree } from './load-tree.ts';
import { keyPlaceOf, pathText, placeOf } from './load-tree.ts';

/** Something wrong at a path of a definition, before its place is looked up. */
export interface PathFault {
  path: Path;
  message: string;
  hint?: string;
  /** It is about the key that the path ends with, not about its value. */
  atKey?: boolean;
  /** It is about this line of another file, such as a script. */
  place?: Place;
}

const shownFaults = 100;

export function faultAt(place: Place, message: string, hint?: string): Fault {
  return { ...place, message, ...(hint === undefined ? {} : { hint }) };
}

/** Gives a fault its file, line and column, and puts the path before its message. */
export function placeFault(tree: Tree, { path, message, hint, atKey, place }: PathFault): Fault {
  const where = atKey ? path.slice(0, -1) : path;
  const text = where.length === 0 ? message : `${pathText(where)}: ${message}`;
  return faultAt(place ?? (atKey ? keyPlaceOf(tree, path) : placeOf(tree, path)), text, hint);
}

/** For a sound template of a release that nobody repairs any more. */
export function supportEnded(file: string, fault: Fault): AppError {
  const { hint, ...rest } = fault;
  return new AppError('SUPPORT_ENDED', `${file} is made from a release without any support`, {
    faults: [rest],
    ...(hint === undefined ? {} : { hint }),
  });
}

/** One error for all faults, in the order in which they stand in the files. */
export function invalidTemplate(file: string, faults: Fault[], details: Record<string, unknown> = {}): AppError {
  const files = [...new Set([file, ...faults.map((fault) => fault.file ?? file)])];
  const rank = (fault: Fault): number => files.indexOf(fault.file ?? file);
  const sorted = faults.toSorted(
    (a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
  const more = faults.length > shownFaults ? `, the first ${shownFaults} of them here` : '';
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults${more}`;
  return new AppError('TEMPLATE_INVALID', `${file} is not a valid template: ${count}`, {
    faults: sorted.slice(0, shownFaults),
    details,
    hint: 'docs/definitions.md explains every key; "gabarit schema" prints the JSON Schema for your editor.',
  });
}
