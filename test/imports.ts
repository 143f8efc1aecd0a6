import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** An import as it is written. */
export interface Import {
  /** The importing file, below the folder. */
  from: string;
  /** What it imports: a path below the folder when `relative`, else the name of a package. */
  to: string;
  relative: boolean;
  line: number;
  /** `import type`: gone at run time. */
  typeOnly: boolean;
}

const pattern =
  /^\s*(?:(?:import|export)\s+(?<type>type\s)?[^'"`;()]*?from\s*|import\s*|.*?\bimport\(\s*)(?<quote>['"])(?<specifier>[^'"]+)\k<quote>/gm;

/** The imports of one source text, found without a parser: the house's formatter leaves them in one shape. */
export function importsOf(source: string, from: string): Import[] {
  return [...source.matchAll(pattern)].map((match) => {
    const specifier = match.groups?.['specifier'] ?? '';
    const relative = specifier.startsWith('.');
    return {
      from,
      relative,
      to: relative ? normalize(join(dirname(from), specifier)) : specifier,
      line: source.slice(0, match.index + match[0].length).split('\n').length,
      typeOnly: match.groups?.['type'] !== undefined,
    };
  });
}

/** Every `.ts` and `.tsx` file below a folder that is not a test, with its imports. */
export function allImports(folder: string): Map<string, Import[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.test.ts'))
    .toSorted();
  return new Map(files.map((file) => [file, importsOf(readFileSync(join(folder, file), 'utf8'), file)]));
}
