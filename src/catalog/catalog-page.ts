import type { PublishedImage, TemplateIndex } from '../model/catalog.ts';
import { channelsAt } from '../model/catalog.ts';
import { formatSize } from '../model/size.ts';
import { supportOf } from '../model/support.ts';

/** The catalog as one page that needs nothing else: no script, no font, no server. */

const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #fff; --panel: #f6f8fa; --good: #116329; --bad: #b3261e; --warn: #7a4e00; --link: #0550ae }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --line: #30363d; --ground: #0d1117; --panel: #161b22; --good: #56d364; --bad: #ff7b72; --warn: #e3b341; --link: #79c0ff } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
main, header, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem }
header { padding-top: 2rem } footer { padding-block: 1.5rem 3rem; color: var(--soft); font-size: .875rem }
h1 { font-size: 1.75rem; margin: 0 } h2 { font-size: 1.25rem; margin: 2.5rem 0 .25rem }
p { margin: .25rem 0 1rem } .soft { color: var(--soft) }
a { color: var(--link) } a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem 1.25rem }
.frame { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem }
table { border-collapse: collapse; width: 100%; font-size: .9375rem }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-top: 1px solid var(--line); white-space: nowrap }
thead th { border-top: 0; background: var(--panel); font-weight: 600; color: var(--soft) }
tbody th { font-weight: 600; font-variant-numeric: tabular-nums }
td.wide { white-space: normal; min-width: 11rem } .small { font-weight: 400; font-size: .875rem; text-decoration: none; display: inline-block }
code { font: .8125rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
.tag { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .8125rem; margin-right: .25rem }
.good { color: var(--good) } .bad { color: var(--bad) } .warn { color: var(--warn) }
tr.revoked .name { text-decoration: line-through }
summary { cursor: pointer; color: var(--link) } pre { background: var(--panel); padding: .75rem; border-radius: .5rem; overflow-x: auto }
`;

/** @param now the day by which support is judged */
export function catalogPage(indexes: readonly TemplateIndex[], now: Date): string {
  const images = indexes.reduce((sum, index) => sum + index.images.length, 0);
  const nav = indexes.map(({ template }) => `<li><a href="#${text(template)}">${text(template)}</a></li>`).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>VM templates</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>VM templates</h1>
<p class="soft">${plural(images, 'image')} of ${plural(indexes.length, 'template')}. Written ${text(now.toISOString().slice(0, 16).replace('T', ' '))} UTC.</p>
${indexes.length > 1 ? `<nav aria-label="Templates"><ul>${nav}</ul></nav>` : ''}
</header>
<main>
${indexes.map((index) => section(index, now)).join('\n') || '<p>Nothing has been published yet.</p>'}
</main>
<footer>
<p>This page is derived from the catalog and proves nothing by itself. To check an image from anywhere: <code>gabarit verify NAME@CHANNEL --store URL</code>.
For Incus: <code>incus remote add NAME URL --protocol simplestreams</code>.</p>
</footer>
</body>
</html>
`;
}

function section(index: TemplateIndex, now: Date): string {
  const { template, images } = index;
  const channels = Object.entries(index.channels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, { version, promoted }]) =>
        `<code>${text(`${template}@${name}`)}</code> is ${text(version)} since ${text(promoted.slice(0, 10))}`,
    );
  const pending = index.proposals.map(
    ({ channel, version, approvals, needed }) =>
      `${text(version)} is proposed for ${text(channel)} (${approvals.length} of ${needed} approvals)`,
  );
  const facts = [...channels, ...pending].join('; ') || 'No channel points at any of them.';
  return `<section aria-labelledby="${text(template)}">
<h2 id="${text(template)}">${text(template)}</h2>
<p class="soft">${facts}</p>
<div class="frame" role="region" aria-labelledby="${text(template)}" tabindex="0">
<table>
<thead><tr><th scope="col">Version</th><th scope="col">State</th><th scope="col">System</th><th scope="col">Files</th><th scope="col">Checks</th><th scope="col">Built on</th><th scope="col">Digest</th></tr></thead>
<tbody>
${images.map((image) => row(index, image, now)).join('\n')}
</tbody>
</table>
</div>
</section>`;
}

function row(index: TemplateIndex, image: PublishedImage, now: Date): string {
  const { revoked, basedOn } = image;
  const tags = channelsAt(index, image).map((channel) => `<span class="tag good">${text(channel)}</span>`);
  const state = revoked
    ? `<span class="tag bad">revoked</span> ${text(revoked.reason)}${revoked.inherited ? ` (with ${text(`${revoked.inherited.template}@${revoked.inherited.version}`)})` : ''}`
    : tags.join('') || '<span class="soft">no channel</span>';
  const files = image.artifacts.map(
    ({ key, format, size }) =>
      `<a href="${text(encodeURI(key))}">${text(format)}</a> <span class="soft">${text(formatSize(size))}</span>`,
  );
  const checks = `${image.checks.pass} passed${image.checks.booted ? ', booted' : ''}`;
  return `<tr${revoked ? ' class="revoked"' : ''}>
<th scope="row" class="name">${text(image.version)}<br><span class="soft small">${text(image.published.slice(0, 10))}</span></th>
<td class="wide">${state}</td>
<td class="wide">${text(image.os)}, ${text(image.arch)}${supportNote(image, now)}</td>
<td>${files.join('<br>')}</td>
<td>${text(checks)}<br><a href="${text(encodeURI(image.manifest))}">manifest</a></td>
<td>${basedOn ? text(`${basedOn.template}@${basedOn.version}`) : '<span class="soft">-</span>'}</td>
<td><details><summary>${text(image.digest.slice(7, 15))}…</summary><code>${text(image.digest)}</code></details></td>
</tr>`;
}

function supportNote(image: PublishedImage, now: Date): string {
  const support = supportOf(image, now);
  if (support === undefined || !image.endOfLife) return '';
  const { full, lts } = image.endOfLife;
  const note =
    support === 'none'
      ? `no support since ${lts}`
      : support === 'lts'
        ? `long-term support until ${lts}`
        : `supported until ${full}`;
  return `<br><span class="${{ yes: 'soft', lts: 'warn', none: 'bad' }[support]}">${text(note)}</span>`;
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Text and attribute values: nothing in a name or reason is markup. */
function text(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
