import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import type { Rootfs } from '../model/check.ts';
import { exec } from '../util/exec.ts';
import { readSystem } from './read-system.ts';
import { readRpmDatabase } from './rpm-database.ts';
import { readRpmHeader } from './rpm-header.ts';

/** As much of a root file system as a database of packages is read from. */
function rootfsOf(files: Record<string, Buffer>): Rootfs {
  return {
    readFile: async (path: string) => files[path],
    readText: async (path: string) => files[path]?.toString('utf8'),
    stat: async (path: string) => (files[path] ? { path } : undefined),
    list: async () => [],
  } as unknown as Rootfs;
}

const spec = `Name: one
Version: 1.2
Release: 3.el9
Epoch: 4
Summary: One
License: MIT
BuildArch: noarch
%description
One.
%package -n two
Summary: Two
%description -n two
Two.
%install
mkdir -p %{buildroot}/etc %{buildroot}/usr/bin
echo a > %{buildroot}/etc/one.conf
echo b > %{buildroot}/usr/bin/one
ln -s one %{buildroot}/usr/bin/two
%files
%config(noreplace) /etc/one.conf
%attr(4755, root, root) /usr/bin/one
%ghost /var/log/one
%files -n two
/usr/bin/two
`;

describe.skipIf(needs('rpm', 'rpmbuild'))('the database of rpm', () => {
  let folder = '';
  let sqlite = Buffer.alloc(0);
  let blobs: Buffer[] = [];
  const define = (text: string): string[] => ['--define', text];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-rpmdb-'));
    await writeFile(join(folder, 'one.spec'), spec);
    await exec([
      'rpmbuild',
      '--quiet',
      '-bb',
      ...define(`_topdir ${folder}/top`),
      ...define('__os_install_post %{nil}'),
      `${folder}/one.spec`,
    ]);
    const packages = ['one-1.2-3.el9', 'two-1.2-3.el9'].map((name) => `${folder}/top/RPMS/noarch/${name}.noarch.rpm`);
    const place = [...define(`_dbpath ${folder}/db`), ...define('_db_backend sqlite')];
    await exec(['rpm', ...place, '--justdb', '--nodeps', '--nosignature', '-i', ...packages]);
    sqlite = await readFile(`${folder}/db/rpmdb.sqlite`);
    const database = new DatabaseSync(`${folder}/db/rpmdb.sqlite`);
    blobs = database
      .prepare('SELECT blob FROM Packages')
      .all()
      .map(({ blob }) => Buffer.from(blob as Uint8Array));
    database.close();
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true }));

  /** Our reading of the format, written down: no tool of Debian's writes one. */
  function ndb(): Buffer {
    const page = 4096;
    const slots = Buffer.alloc(page);
    slots.writeUInt32LE(0x506d7052, 0);
    slots.writeUInt32LE(1, 12);
    for (let at = 32; at < page; at += 16) slots.writeUInt32LE(0x746f6c53, at);
    const parts = [slots];
    let block = page / 16;
    for (const [index, blob] of blobs.entries()) {
      const size = Math.ceil((16 + blob.length + 12) / 16) * 16;
      const bytes = Buffer.alloc(size);
      bytes.writeUInt32LE(0x53626c42, 0);
      bytes.writeUInt32LE(index + 1, 4);
      bytes.writeUInt32LE(blob.length, 12);
      blob.copy(bytes, 16);
      slots.writeUInt32LE(index + 1, 32 + index * 16 + 4);
      slots.writeUInt32LE(block, 32 + index * 16 + 8);
      slots.writeUInt32LE(size / 16, 32 + index * 16 + 12);
      parts.push(bytes);
      block += size / 16;
    }
    return Buffer.concat(parts);
  }

  const packages = [
    { name: 'one', version: '4:1.2-3.el9', architecture: 'noarch' },
    { name: 'two', version: '4:1.2-3.el9', architecture: 'noarch' },
  ];

  test('in SQLite gives packages and their files', async () => {
    const database = await readRpmDatabase(rootfsOf({ '/var/lib/rpm/rpmdb.sqlite': sqlite }));
    expect(database).toMatchObject({ file: '/var/lib/rpm/rpmdb.sqlite', hasFiles: true, packages });
    const [one] = database?.packages ?? [];
    expect(one?.files.map(({ path, config, ghost, mode }) => [path, config, ghost, (mode & 0o7777).toString(8)])).toEqual([
      ['/etc/one.conf', true, false, '644'],
      ['/usr/bin/one', false, false, '4755'],
      ['/var/log/one', false, true, '0'],
    ]);
    expect(one?.files[0]?.digest).toBe('87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7');
  });

  test("in openSUSE's own format gives the same", async () => {
    const found = await readRpmDatabase(rootfsOf({ '/usr/lib/sysimage/rpm/Packages.db': ndb() }));
    expect(found?.packages).toEqual((await readRpmDatabase(rootfsOf({ '/var/lib/rpm/rpmdb.sqlite': sqlite })))?.packages);
  });

  test.skipIf(needs('db5.3_load'))('in Berkeley DB is read by rpm itself', async () => {
    const number = (value: number): string => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return ` ${bytes.toString('hex')}\n`;
    };
    const rows = blobs.map((blob, index) => `${number(index + 1)} ${blob.toString('hex')}\n`).join('');
    await writeFile(
      `${folder}/dump`,
      `VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n${number(0)}${number(blobs.length)}${rows}DATA=END\n`,
    );
    await exec(['db5.3_load', '-f', `${folder}/dump`, `${folder}/Packages`]);
    const found = await readRpmDatabase(rootfsOf({ '/var/lib/rpm/Packages': await readFile(`${folder}/Packages`) }));
    expect(found).toMatchObject({ file: '/var/lib/rpm/Packages', hasFiles: false, packages });
  });

  test('that is damaged says why, and names no package', async () => {
    const cut = async (path: string, bytes: Buffer): Promise<string | undefined> => {
      const found = await readRpmDatabase(rootfsOf({ [path]: bytes }));
      expect(found?.packages).toEqual([]);
      return found?.unknown;
    };
    expect(await cut('/var/lib/rpm/rpmdb.sqlite', sqlite.subarray(0, 5000))).toMatch(
      /^\/var\/lib\/rpm\/rpmdb\.sqlite cannot be read: /,
    );
    expect(await cut('/var/lib/rpm/rpmdb.sqlite', Buffer.alloc(4096, 1))).toMatch(/cannot be read/);
    const whole = ndb();
    expect(await cut('/var/lib/rpm/Packages.db', whole.subarray(0, 4200))).toMatch(/cut off/);
    expect(await cut('/var/lib/rpm/Packages.db', whole.fill(0xff, 4096, 4100))).toMatch(/damaged/);
    expect(await cut('/var/lib/rpm/Packages.db', Buffer.alloc(100))).toMatch(/not a database/);
    expect(await cut('/var/lib/rpm/Packages', Buffer.alloc(9000, 7))).toBeDefined();
  });

  test('is read from no header that is cut off anywhere without an error of ours', () => {
    const [blob = Buffer.alloc(0)] = blobs;
    for (let length = 0; length < blob.length; length += 7) {
      try {
        readRpmHeader(blob.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
  });

  test('is counted when a system is inspected, and said to be unknown when it cannot be read', async () => {
    const release = Buffer.from(
      'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"\nPRETTY_NAME="Rocky Linux 9.6 (Blue Onyx)"\n',
    );
    const system = { '/etc/os-release': release, '/usr/bin/cloud-init': Buffer.from('#!') };
    const good = await readSystem(rootfsOf({ ...system, '/var/lib/rpm/rpmdb.sqlite': sqlite }));
    expect(good).toMatchObject({ distro: 'rocky', family: 'rhel', release: '9.6', packages: 2, cloudInit: 'installed' });
    expect(good?.packagesUnknown).toBeUndefined();
    const bad = await readSystem(rootfsOf({ ...system, '/var/lib/rpm/rpmdb.sqlite': sqlite.subarray(0, 5000) }));
    expect(bad?.packages).toBeUndefined();
    expect(bad?.packagesUnknown).toContain('cannot be read');
  });

  test('is none where there is none', async () => {
    expect(await readRpmDatabase(rootfsOf({}))).toBeUndefined();
  });
});
