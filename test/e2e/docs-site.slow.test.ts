import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../src/util/exec.ts';
import { needs } from '../tools.ts';

/** The documents as a site: built without a network, and every link followed in what was built. */

const root = join(import.meta.dirname, '../..');

/** The file of a link; pages are named without their ending. */
function fileOf(site: string, path: string): string | undefined {
  const name = decodeURIComponent(path);
  return [name, `${name}.html`, join(name, 'index.html')]
    .map((file) => join(site, file))
    .find((file) => /\.\w+$/.test(file) && existsSync(file));
}

function brokenLinks(site: string, page: string): string[] {
  const html = readFileSync(join(site, page), 'utf8');
  const targets = [...html.matchAll(/\s(?:href|src)="([^"]*)"/g)].map(([, target = '']) => target.replaceAll('&amp;', '&'));
  return targets.flatMap((target) => {
    if (/^([a-z]+:|\/\/)/.test(target)) return [];
    const [path = '', anchor = ''] = target.split('#');
    const file = path === '' ? join(site, page) : fileOf(site, path.startsWith('/') ? path : join('/', dirname(page), path));
    if (file === undefined) return [`${page}: ${target}`];
    const ids = anchor === '' || readFileSync(file, 'utf8').includes(`id="${decodeURIComponent(anchor)}"`);
    return ids ? [] : [`${page}: ${target}: no such heading`];
  });
}

describe.skipIf(needs('git', 'npm', 'unshare'))('the documents as a site', () => {
  let folder = '';
  let site = '';
  let pages: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docs-site-'));
    await exec(['git', 'clone', '-q', root, folder]);
    const here = join(folder, 'docs-site');
    await exec(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here, timeoutMs: 10 * 60_000 });
    const build = [process.execPath, 'node_modules/vitepress/bin/vitepress.js', 'build'];
    await exec(['unshare', '--map-root-user', '--net', ...build], { cwd: here, timeoutMs: 10 * 60_000 });
    site = join(here, 'dist');
    pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has no link that leads nowhere', () => {
    expect(pages.length).toBeGreaterThan(50);
    expect(pages.flatMap((page) => brokenLinks(site, page))).toEqual([]);
  });

  it('has its words filled in, in both languages, and a search for each', () => {
    const [english, french] = ['index.html', 'fr/index.html'].map((page) => readFileSync(join(site, page), 'utf8'));
    expect(english).toMatch(/<html lang="en[^]*On this page/);
    expect(french).toMatch(/<html lang="fr[^]*Sur cette page/);
    expect(pages.filter((page) => readFileSync(join(site, page), 'utf8').includes('{{ site.title }}'))).toEqual([]);
    const chunks = readdirSync(join(site, 'assets/chunks'));
    expect(chunks.filter((name) => name.startsWith('@localSearchIndex')).map((name) => name.split('.')[0])).toEqual(
      expect.arrayContaining(['@localSearchIndexfr', '@localSearchIndexroot']),
    );
  });
});
