import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findMirrors, mirrorOf, officialMirrors } from './mirrors.ts';

let etc = '';
beforeEach(async () => {
  etc = await mkdtemp(join(tmpdir(), 'etc-apt-'));
  await mkdir(join(etc, 'sources.list.d'));
});
afterEach(() => rm(etc, { recursive: true, force: true }));

/** What is found on a host with these sources, without what Debian recommends. */
async function hostMirrors(files: Record<string, string>): Promise<Record<string, string>> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(etc, name), text);
  const official = await officialMirrors();
  return Object.fromEntries(Object.entries(await findMirrors({}, etc)).filter(([id, uri]) => official[id] !== uri));
}

describe('mirrors', () => {
  test('are those of the host, written in one line each', async () => {
    const list = `# deb https://comment.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian/ bookworm main contrib
deb https://mirror.example/debian bookworm-updates main
deb-src https://source.example/debian bookworm main
deb https://mirror.example/security bookworm-security main
deb https://packages.example/app stable-app main
deb cdrom:[Debian]/ bookworm main
`;
    expect(await hostMirrors({ 'sources.list': list })).toEqual({
      debian: 'https://mirror.example/debian',
      'debian-security': 'https://mirror.example/security',
    });
  });

  test('are those of the host, written in stanzas', async () => {
    const sources = `Types: deb-src
URIs: https://source.example/debian
Suites: trixie

Enabled: no
Types: deb
URIs: https://disabled.example/debian
Suites: trixie

Types: deb deb-src
URIs: https://mirror.example/debian
Suites: trixie
 trixie-updates
Components: main

Types: deb
URIs: https://mirror.example/debian-security/
Suites: trixie-security
`;
    expect(await hostMirrors({ 'sources.list.d/debian.sources': sources })).toEqual({
      debian: 'https://mirror.example/debian',
      'debian-security': 'https://mirror.example/debian-security',
    });
  });

  test("of another distribution are not taken for Debian's", async () => {
    expect(await hostMirrors({ 'sources.list': 'deb https://mirror.example/ubuntu noble main\n' })).toEqual({});
  });

  test('that are configured count more than those of the host', async () => {
    await writeFile(join(etc, 'sources.list'), 'deb https://host.example/debian bookworm main\n');
    expect(await findMirrors({ debian: 'https://mine.example' }, etc)).toMatchObject({ debian: 'https://mine.example' });
  });

  test('that Debian recommends come from its own data', async () => {
    const path = join(etc, 'Debian.info');
    await writeFile(
      path,
      'Suite: {series}\nBaseURI: http://mirror.example/debian/\n\nSuite: {series}-security\nBaseURI: http://security.example/\n\nSuite: old\nBaseURI: http://old.example/\n',
    );
    expect(await officialMirrors(path)).toEqual({
      debian: 'http://mirror.example/debian',
      'debian-security': 'http://security.example/debian-security',
    });
    expect(await officialMirrors(join(etc, 'none'))).toEqual({});
  });

  test('that are not known are an error that says what to write', () => {
    expect(mirrorOf({ debian: 'https://mirror.example' }, 'debian')).toBe('https://mirror.example');
    expect(() => mirrorOf({}, 'snapshot')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringContaining('mirrors: { snapshot: ') as unknown }),
    );
  });
});
