import type { z } from 'zod';
import { type JsonSchema, keysAt } from '../model/template-json-schema.ts';
import { didYouMean } from '../util/suggest.ts';
import type { PathFault } from './load-faults.ts';
import { type Path, type Tree, treeAt } from './load-tree.ts';

type Issue = z.core.$ZodIssue;

/** The message for a key that must be there and is not. */
export const missing = 'is missing';

const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys and values',
  record: 'a map of keys and values',
};

/** The words for an issue where the schema has none of its own; for zod's option `error`. */
export function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `must be ${alternatives(issue.values)}`;
  if (issue.code === 'too_small') return 'must not be empty';
  return undefined;
}

function alternatives(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  const last = texts.pop() ?? '';
  return texts.length === 0 ? last : `${texts.join(', ')} or ${last}`;
}

/** What the issues are about: the schema of the part of the tree that lies at `base`. */
interface Subject {
  tree: Tree;
  base: Path;
  schema: JsonSchema;
}

/** Zod's issues on a tree, or on the part of it at `base`, in plain words. */
export function faultsOfIssues(issues: readonly Issue[], tree: Tree, schema: JsonSchema, base: Path = []): PathFault[] {
  const subject = { tree, base, schema };
  return issues.flatMap((issue) => faultsOfIssue(issue, [...base, ...(issue.path as Path)], subject));
}

function faultsOfIssue(issue: Issue, path: Path, subject: Subject): PathFault[] {
  const value = treeAt(subject.tree, path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, path, subject));
  if (!value) return [{ path, message: missing }];
  if (value.kind === 'scalar' && value.value === null) {
    return [{ path, message: 'is empty; give it a value, or remove it' }];
  }
  if (issue.code === 'invalid_key') {
    return [
      { path, atKey: true, message: `the key ${JSON.stringify(path.at(-1))} ${issue.issues[0]?.message ?? 'is not allowed'}` },
    ];
  }
  if (issue.code === 'invalid_union' && value.kind === 'map') return faultsOfUnion(issue, path, subject);
  const found = value.kind === 'scalar' ? shown(value.source ?? value.value) : `a ${value.kind}`;
  const ending = issue.code === 'too_small' && value.kind === 'list' ? '' : `, found ${found}`;
  const near =
    issue.code === 'invalid_value' && value.kind === 'scalar' ? didYouMean(String(value.value), issue.values.map(String)) : '';
  const quotable = issue.code === 'invalid_type' && issue.expected === 'string' && value.kind === 'scalar';
  const hint = quotable ? `Put it in quotes: "${value.source ?? String(value.value)}"` : undefined;
  return [{ path, message: `${issue.message}${ending}${near}`, ...(hint === undefined ? {} : { hint }) }];
}

function unknownKey(key: string, path: Path, { base, schema }: Subject): PathFault {
  const near = didYouMean(key, keysAt(schema, path.slice(base.length)));
  return { path: [...path, key], atKey: true, message: `unknown key ${JSON.stringify(key)}${near}` };
}

/** Takes the branch that was meant: the one with the fewest keys too many or missing. When none stands out, the union itself is the fault. */
function faultsOfUnion(issue: Issue & { code: 'invalid_union' }, path: Path, subject: Subject): PathFault[] {
  const branches = issue.errors.map((issues) => issues.map((inner) => ({ inner, at: [...path, ...(inner.path as Path)] })));
  const misfit = branches.map((branch) =>
    branch.reduce((sum, { inner, at }) => {
      if (inner.code === 'unrecognized_keys') return sum + inner.keys.length;
      return treeAt(subject.tree, at) ? sum : sum + 1;
    }, 0),
  );
  const least = Math.min(...misfit);
  const meant = branches.filter((_, index) => misfit[index] === least);
  if (meant.length === 1) return (meant[0] ?? []).flatMap(({ inner, at }) => faultsOfIssue(inner, at, subject));
  const known = new Set(keysAt(subject.schema, path.slice(subject.base.length)));
  const value = treeAt(subject.tree, path);
  const keys = value?.kind === 'map' ? [...value.entries.keys()] : [];
  return [
    { path, message: issue.message },
    ...keys.filter((key) => known.size > 0 && !known.has(key)).map((key) => unknownKey(key, path, subject)),
  ];
}

/** A value as it may stand in a message: one line, not long. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}
