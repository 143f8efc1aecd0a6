import type { Rootfs } from '../../model/check.ts';

export interface Account {
  name: string;
  uid: number;
  gid: number;
  home: string;
  shell: string;
  /** The second field of /etc/passwd. */
  password: string;
}

async function rows(rootfs: Rootfs, path: string): Promise<string[][]> {
  const text = (await rootfs.readText(path)) ?? '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':'));
}

export async function readAccounts(rootfs: Rootfs): Promise<Account[]> {
  return (await rows(rootfs, '/etc/passwd')).map(([name = '', password = '', uid, gid, , home = '', shell = '']) => ({
    name,
    password,
    uid: Number(uid),
    gid: Number(gid),
    home,
    shell,
  }));
}

/** Groups: name and id. */
export async function readGroups(rootfs: Rootfs): Promise<{ name: string; gid: number }[]> {
  return (await rows(rootfs, '/etc/group')).map(([name = '', , gid]) => ({ name, gid: Number(gid) }));
}

/** The password fields of /etc/shadow or /etc/gshadow by name. */
export async function readShadow(rootfs: Rootfs, path: '/etc/shadow' | '/etc/gshadow'): Promise<Map<string, string>> {
  return new Map((await rows(rootfs, path)).map(([name = '', password = '']) => [name, password]));
}

/** Ids that Debian gives to people. */
export function isPerson(id: number): boolean {
  return id >= 1000 && id < 60_000;
}
