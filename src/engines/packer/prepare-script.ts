import type { AnswersFor } from './answers-for.ts';
import type { PackerFile } from './provisioners.ts';

/** What is done before Packer runs: a key for this one build, and the files that carry its public half. */
export function prepareScript(facts: { hasKey: boolean; seed: readonly PackerFile[]; answers: AnswersFor | undefined }): string {
  const { hasKey, seed, answers } = facts;
  const marked = [...seed.map(({ path }) => path), ...(answers?.files ?? []).map(({ name }) => `answers/${name}`)];
  const parts = ['#!/bin/sh', '# Run before each build.', 'set -eu', 'cd "$(dirname "$0")"', ''];
  if (hasKey) {
    parts.push(
      '# A key for this build alone; the step seal removes it from the image.',
      'rm -f build-key build-key.pub',
      "ssh-keygen -q -t ed25519 -N '' -C gabarit-build -f build-key",
      'key=$(cat build-key.pub)',
      'fill() {',
      '  [ -e "$1.template" ] || cp "$1" "$1.template"',
      '  sed "s|@SSH_PUBLIC_KEY@|$key|" "$1.template" >"$1"',
      '}',
      ...marked.map((path) => `fill ${path}`),
    );
  }
  if (seed.length > 0)
    parts.push(
      '# The disk that cloud-init reads at first boot.',
      "xorriso -as mkisofs -quiet -V cidata -J -r -o seed.iso -m '*.template' seed",
      'rm -rf output',
    );
  parts.push(
    '# Packer 1.7 and newer bring the plugin themselves.',
    '! grep -q required_plugins build.pkr.json || packer init .',
    '',
  );
  return parts.join('\n');
}
