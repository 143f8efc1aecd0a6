/** A picture of a terminal, made from what was really written there. */

const [charWidth, lineHeight, margin, barHeight, size] = [8.4, 20, 20, 36, 14] as const;

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Browsers make one blank of several, whatever the picture says of blanks: those of a terminal must not be blanks. */
const shown = (text: string): string => escape(text).replaceAll(' ', '&#160;');

function colorOf(line: string): string {
  if (line.startsWith('$ ')) return '#7ee787';
  if (line.startsWith('✓')) return '#e6edf3';
  if (line.startsWith('warning:')) return '#e3b341';
  return line.startsWith('  ') && !line.includes('gabarit') ? '#8b949e' : '#c9d1d9';
}

export function terminalSvg(transcript: string, title: string): string {
  const lines = transcript.trimEnd().split('\n');
  const width = Math.ceil(Math.max(...lines.map((line) => line.length)) * charWidth + 2 * margin);
  const height = barHeight + lines.length * lineHeight + margin;
  const rows = lines.map((line, at) => {
    const y = barHeight + (at + 1) * lineHeight;
    const mark = line.startsWith('✓') ? '<tspan fill="#3fb950">✓</tspan>' : '';
    return `<text x="${margin}" y="${y}" fill="${colorOf(line)}">${mark}${shown(mark === '' ? line : line.slice(1))}</text>`;
  });
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (color, at) => `<circle cx="${margin + at * 18}" cy="18" r="6" fill="${color}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<rect width="100%" height="100%" rx="10" fill="#0d1117"/>
${dots.join('\n')}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${size}">
${rows.join('\n')}
</g>
</svg>
`;
}
