/** Text for a cell of a Markdown table: on one line, and nothing of it is markup. */
export function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_[\]<>|~#!]/g, (mark) => `\\${mark}`);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A block of code; what it holds cannot end it. */
export function codeBlock(lines: readonly string[], language: string): string {
  const longest = Math.max(2, ...lines.flatMap((text) => [...text.matchAll(/`+/g)].map(([ticks]) => ticks.length)));
  const fence = '`'.repeat(longest + 1);
  return [fence + language, ...lines, fence].join('\n');
}

export function details(summary: string, body: string): string {
  const escaped = summary.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<details><summary>${escaped}</summary>\n\n${body}\n\n</details>`;
}
