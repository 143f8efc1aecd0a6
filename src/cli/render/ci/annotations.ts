import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import type { Annotation, CiKind } from '../../../model/ci.ts';
import { redact } from '../../../util/redact.ts';
import type { Style } from '../../style.ts';
import { shortPath } from '../words.ts';

/** Annotations in the words of a CI system: workflow commands (GitHub, Gitea, Forgejo), a Code Quality report (GitLab), or lines for people. */
export function annotationsText(annotations: readonly Annotation[], kind: CiKind, style: Style, cwd = process.cwd()): string {
  if (kind === 'gitlab') return `${JSON.stringify(codeQuality(annotations, cwd), null, 2)}\n`;
  const line = kind === 'local' ? plainLine : commandLine;
  return annotations.map((item) => `${redact(line(item, style, cwd))}\n`).join('');
}

function textOf({ message, hint }: Annotation): string {
  return hint === undefined ? message : `${message}\n${hint}`;
}

function plainLine(item: Annotation, style: Style, cwd: string): string {
  const place = [item.file && shortPath(item.file, cwd), item.line, item.column].filter((part) => part !== undefined).join(':');
  const level = item.level === 'error' ? style.bad('error') : style.warning('warning');
  return `${style.strong(place)}: ${level}: ${textOf(item).replaceAll('\n', '\n  ')}`;
}

/** `::error file=a.yaml,line=3,col=1,title=TEMPLATE_INVALID::what is wrong` */
function commandLine(item: Annotation, _: Style, cwd: string): string {
  const properties = [
    ['file', item.file && relative(cwd, item.file)],
    ['line', item.line],
    ['col', item.column],
    ['title', item.title],
  ].flatMap(([name, value]) =>
    value === undefined ? [] : [`${String(name)}=${escape(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`],
  );
  return `::${item.level} ${properties.join(',')}::${escape(textOf(item))}`;
}

function escape(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function codeQuality(annotations: readonly Annotation[], cwd: string): object[] {
  return annotations.map((item) => {
    const path = item.file ? relative(cwd, item.file) : '.';
    const description = redact(textOf(item));
    return {
      description,
      check_name: item.title,
      // It tells a new finding from one that was there before: lines move, so they do not count.
      fingerprint: createHash('sha256').update(`${path}\0${item.title}\0${description}`).digest('hex'),
      severity: item.level === 'error' ? 'major' : 'minor',
      location: { path, lines: { begin: item.line ?? 1 } },
    };
  });
}
