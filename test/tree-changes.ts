import { exec } from '../src/util/exec.ts';

/** Changes to a tree of files, and what a tree is: by Python, because Node knows no extended attributes. */

export type Change =
  | { op: 'write'; path: string; content: string; times?: number }
  | { op: 'mkdir' | 'fifo' | 'remove' | 'socket'; path: string }
  | { op: 'symlink'; path: string; target: string }
  | { op: 'link' | 'rename'; path: string; to: string }
  | { op: 'chmod'; path: string; mode: number }
  | { op: 'chown'; path: string; uid: number; gid: number }
  | { op: 'mtime'; path: string; time: number }
  | { op: 'xattr'; path: string; name: string; value: string | null };

/** All that counts of one path; `same`: the first of all names of the same file. */
export interface Described {
  type: 'file' | 'directory' | 'symlink' | 'fifo';
  mode: number;
  uid: number;
  gid: number;
  /** SHA-256 of a file, target of a link. */
  content?: string;
  same?: string;
  /** In hexadecimal. */
  xattrs: Record<string, string>;
}
export type Tree = Record<string, Described>;

const script = `
import hashlib, json, os, shutil, socket, stat, sys

def remove(path):
    if os.path.isdir(path) and not os.path.islink(path): shutil.rmtree(path)
    else: os.remove(path)

def apply(top, change):
    op, path = change['op'], top + change['path']
    if op == 'write':
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode): return
        with open(path, 'w') as f: f.write(change['content'] * change.get('times', 1))
    elif op == 'mkdir': os.mkdir(path)
    elif op == 'fifo': os.mkfifo(path)
    elif op == 'socket': socket.socket(socket.AF_UNIX).bind(path)
    elif op == 'remove': remove(path)
    elif op == 'symlink': os.symlink(change['target'], path)
    elif op == 'link': os.link(path, top + change['to'], follow_symlinks=False)
    elif op == 'rename': shutil.move(path, top + change['to'])
    elif op == 'chmod': os.path.islink(path) or os.chmod(path, change['mode'])
    elif op == 'chown': os.lchown(path, change['uid'], change['gid'])
    elif op == 'mtime': os.utime(path, (0, change['time']), follow_symlinks=False)
    elif op == 'xattr':
        if change['value'] is None: os.removexattr(path, change['name'], follow_symlinks=False)
        else: os.setxattr(path, change['name'], bytes.fromhex(change['value']), follow_symlinks=False)

kinds = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo'}

def describe(top):
    paths = [top]
    for folder, folders, files in os.walk(top):
        paths += [os.path.join(folder, name) for name in folders + files]
    found, names = {}, {}
    for path in sorted(paths, key=lambda path: path[len(top):].encode()):
        s, name = os.lstat(path), path[len(top):] or '/'
        kind = kinds.get(stat.S_IFMT(s.st_mode), 'other')
        item = {'type': kind, 'mode': s.st_mode & 0o7777, 'uid': s.st_uid, 'gid': s.st_gid}
        item['xattrs'] = {key: os.getxattr(path, key, follow_symlinks=False).hex()
            for key in os.listxattr(path, follow_symlinks=False) if 'overlay.' not in key}
        if kind == 'file':
            with open(path, 'rb') as f: item['content'] = hashlib.sha256(f.read()).hexdigest()
        if kind == 'symlink': item['content'] = os.readlink(path)
        if kind != 'directory': item['same'] = names.setdefault(s.st_ino, name)
        found[name] = item
    return found

request = json.load(sys.stdin)
refused = 0
for change in request['changes']:
    try: apply(request['top'], change)
    except (OSError, shutil.Error) as error:
        if request['strict']: raise
        refused += 1
json.dump(describe(request['top']), sys.stdout)
`;

/** Changes a tree, and describes it. Changes that cannot be made are left out, or with `strict` an error. */
export async function changeTree(top: string, changes: readonly Change[], strict = false): Promise<Tree> {
  const { stdout } = await exec(['python3', '-I', '-c', script], { input: JSON.stringify({ top, changes, strict }) });
  return JSON.parse(stdout) as Tree;
}
