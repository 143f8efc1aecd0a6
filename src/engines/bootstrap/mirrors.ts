import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../util/errors.ts';

/** Base URLs by the name that the distribution gives to a mirror: `debian`, `debian-security`. */
export type Mirrors = Record<string, string>;

/** Data on distributions that Debian and Ubuntu ship for their own tools (package python-apt-common). */
const distributionInfo = '/usr/share/python-apt/templates/Debian.info';

/**
 * Where to get Debian's packages, in this order: what the configuration says; what the build host itself uses, when it is a Debian;
 * what Debian recommends, from its own data on this host.
 */
export async function findMirrors(configured: Mirrors, etcApt = '/etc/apt'): Promise<Mirrors> {
  const official = await officialMirrors();
  return { ...official, ...(await hostMirrors(etcApt)), ...configured };
}

/** What the distribution itself recommends: the sources that an image is left with. */
export async function officialMirrors(path = distributionInfo): Promise<Mirrors> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return {};
  }
  const mirrors: Mirrors = {};
  let suite = '';
  for (const line of text.split('\n')) {
    const [, key, value = ''] = /^(\w+):\s*(.*)$/.exec(line) ?? [];
    if (key === 'Suite') suite = value;
    else if (key === 'BaseURI') {
      if (suite === '{series}') mirrors['debian'] ??= trimSlash(value);
      // The host of security updates serves the same tree below its root and below /debian-security.
      if (suite === '{series}-security') mirrors['debian-security'] ??= `${trimSlash(value)}/debian-security`;
    }
  }
  return mirrors;
}

/** The Debian mirrors that this host's apt uses. Empty on other distributions. */
async function hostMirrors(etcApt: string): Promise<Mirrors> {
  const mirrors: Mirrors = {};
  for (const { uri, suite } of await readSources(etcApt)) {
    const codename = /^(?:bullseye|bookworm|trixie|forky|sid|stable|oldstable|testing)(-[a-z-]+)?$/.exec(suite);
    if (!codename || !/^https?:/.test(uri)) continue;
    if (codename[1] === '-security') mirrors['debian-security'] ??= trimSlash(uri);
    else if (codename[1] === undefined || codename[1] === '-updates') mirrors['debian'] ??= trimSlash(uri);
  }
  return mirrors;
}

async function readSources(etcApt: string): Promise<{ uri: string; suite: string }[]> {
  const found: { uri: string; suite: string }[] = [];
  const names = await readdir(join(etcApt, 'sources.list.d')).catch(() => [] as string[]);
  for (const path of ['sources.list', ...names.toSorted().map((name) => `sources.list.d/${name}`)]) {
    const text = await readFile(join(etcApt, path), 'utf8').catch(() => '');
    found.push(...(path.endsWith('.sources') ? parseDeb822(text) : parseOneLine(text)));
  }
  return found;
}

function parseDeb822(text: string): { uri: string; suite: string }[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string[] =>
      (new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1] ?? '').split(/\s+/).filter(Boolean);
    if (field('Enabled')[0] === 'no' || !field('Types').includes('deb')) return [];
    return field('URIs').flatMap((uri) => field('Suites').map((suite) => ({ uri, suite })));
  });
}

function parseOneLine(text: string): { uri: string; suite: string }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line);
    return match?.[1] && match[2] ? [{ uri: match[1], suite: match[2] }] : [];
  });
}

function trimSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}

/** The mirror of that name. @throws AppError CONFIG_INVALID */
export function mirrorOf(mirrors: Mirrors, name: string): string {
  const uri = mirrors[name];
  if (uri !== undefined) return uri;
  throw new AppError('CONFIG_INVALID', `No mirror is known for "${name}"`, {
    hint: `Install python-apt-common, which knows Debian's own, or set one: mirrors: { ${name}: https://mirror.example/${name} } in gabarit.yaml.`,
  });
}
