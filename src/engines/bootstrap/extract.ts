import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { AppError } from '../../util/errors.ts';
import { killGroup, start } from '../../util/exec.ts';

/** One member of a package, as its tar archive describes it. */
export interface Member {
  /** Absolute, without a final slash; `/.` for the root. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Permission bits, 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  /** Seconds since 1970. */
  mtime: number;
}

export interface ExtractedPackage {
  members: Member[];
  /** Files of its control archive by name: `control`, `postinst`, `triggers` ... with their permission bits. */
  control: Map<string, { content: Buffer; mode: number }>;
}

/** Unpacks one package into a tree: its files in place, its control files in memory. */
export async function extractPackage(path: string, tree: string): Promise<ExtractedPackage> {
  const [members, control] = await Promise.all([extractFiles(path, tree), readControl(path)]);
  return { members, control };
}

async function extractFiles(path: string, tree: string): Promise<Member[]> {
  // tar tells what it unpacks, so that nothing has to be read twice.
  const tar = start(
    [
      'tar',
      '--extract',
      '--file=-',
      '--directory',
      tree,
      '--preserve-permissions',
      '--numeric-owner',
      '--keep-directory-symlink',
      '--verbose',
      '--verbose',
      '--full-time',
      '--quoting-style=escape',
      '--warning=no-timestamp',
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { TZ: 'UTC', LC_ALL: 'C' } },
  );
  if (tar.stdin === null || tar.stdout === null || tar.stderr === null) throw new Error('tar has no pipes');
  const dpkg = start(['dpkg-deb', '--fsys-tarfile', path], { stdio: ['ignore', tar.stdin as never, 'pipe'] });
  const complaints: string[] = [];
  for (const stream of [tar.stderr, dpkg.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => complaints.push(line));
  }
  const members: Member[] = [];
  createInterface({ input: tar.stdout }).on('line', (line) => {
    const member = parseMember(line);
    if (member) members.push(member);
  });
  try {
    const closed = Promise.all([once(tar, 'close'), once(dpkg, 'close')]);
    tar.stdin.destroy(); // The pipe's other owner is dpkg-deb now.
    const [[tarCode], [dpkgCode]] = (await closed) as [[number | null], [number | null]];
    if (tarCode !== 0 || dpkgCode !== 0) {
      throw unpackFailed(path, complaints);
    }
  } finally {
    await Promise.all([killGroup(tar), killGroup(dpkg)]);
  }
  return members;
}

function unpackFailed(path: string, complaints: string[]): AppError {
  const message = `${path} could not be unpacked: ${complaints.at(-1) ?? 'no reason given'}`;
  if (!complaints.some((line) => line.includes('No space left'))) return new AppError('BUILD_FAILED', message);
  return new AppError('DISK_FULL', message, { hint: 'Free some space, or point GABARIT_CACHE to a larger disk.' });
}

const types: Record<string, Member['type']> = { '-': 'file', d: 'directory', l: 'symlink', h: 'hardlink' };

/** Reads one line of tar's double-verbose listing: `drwxr-xr-x 0/0 0 2026-01-02 03:04:05 ./usr/`. */
export function parseMember(line: string): Member | undefined {
  const match = /^([-dlhbcps])([rwxsStT-]{9})\s+(\d+)\/(\d+)\s+\S+\s+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (.*)$/.exec(line);
  if (!match) return undefined;
  const [, kind = '', bits = '', uid, gid, time = '', rest = ''] = match;
  const type = types[kind] ?? 'other';
  const name = type === 'symlink' ? rest.split(' -> ')[0] : type === 'hardlink' ? rest.split(' link to ')[0] : rest;
  const path = unescape(name ?? '')
    .replace(/^\.?\/?/, '/')
    .replace(/\/$/, '');
  return {
    path: path === '' ? '/.' : path,
    type,
    mode: parseMode(bits),
    uid: Number(uid),
    gid: Number(gid),
    mtime: Date.parse(`${time.replace(' ', 'T')}Z`) / 1000,
  };
}

function parseMode(bits: string): number {
  let mode = 0;
  for (let index = 0; index < 9; index += 1) {
    const letter = bits.charAt(index);
    if (letter !== '-' && letter !== 'S' && letter !== 'T') mode |= 0o400 >> index;
    if ('sStT'.includes(letter)) mode |= [0o4000, 0o2000, 0o1000][Math.floor(index / 3)] ?? 0;
  }
  return mode;
}

const escapes: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Undoes tar's escape quoting. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: number[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const octal = /^\\([0-7]{3})/.exec(text.slice(index, index + 4));
    if (octal) {
      bytes.push(Number.parseInt(octal[1] ?? '0', 8));
      index += 3;
    } else if (text[index] === '\\' && index + 1 < text.length) {
      index += 1;
      bytes.push(...Buffer.from(escapes[text.charAt(index)] ?? text.charAt(index)));
    } else bytes.push(...Buffer.from(text.charAt(index)));
  }
  return Buffer.from(bytes).toString('utf8');
}

/** The files of a package's control archive, which are small. */
async function readControl(path: string): Promise<ExtractedPackage['control']> {
  const dpkg = start(['dpkg-deb', '--ctrl-tarfile', path], { stdio: ['ignore', 'pipe', 'pipe'] });
  if (dpkg.stdout === null || dpkg.stderr === null) throw new Error('dpkg-deb has no pipes');
  const complaints: string[] = [];
  createInterface({ input: dpkg.stderr }).on('line', (line) => complaints.push(line));
  const closed = once(dpkg, 'close') as Promise<[number | null]>;
  const archive = extract();
  const control: ExtractedPackage['control'] = new Map();
  try {
    const read = async (): Promise<void> => {
      for await (const entry of archive) {
        const name = entry.header.name.replace(/^\.\//, '');
        const content = await buffer(entry);
        // As dpkg has it: maintainer scripts can be run, all else is data.
        const mode = /^(preinst|postinst|prerm|postrm|config)$/.test(name) ? 0o755 : 0o644;
        if (entry.header.type === 'file') control.set(name, { content, mode });
      }
    };
    const [outcome] = await Promise.allSettled([Promise.all([pipeline(dpkg.stdout, archive), read()])]);
    const [code] = await closed;
    if (code === 0 && outcome.status === 'fulfilled') return control;
    throw unpackFailed(path, outcome.status === 'fulfilled' ? complaints : [String(outcome.reason), ...complaints]);
  } finally {
    await killGroup(dpkg);
  }
}
