import { access, constants, readFile, realpath } from 'node:fs/promises';
import type { HostFact } from '../model/host.ts';
import { AppError } from '../util/errors.ts';
import { exec } from '../util/exec.ts';

/** A line of src/host-tools.txt. */
export interface HostTool {
  group: HostFact['neededFor'];
  /** Commands or absolute paths; any one of them will do. */
  anyOf: string[];
  package: string;
  who: 'all' | 'user';
}

/** Where `util/exec.ts` lets child processes look for commands. */
const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Reads the list that the launcher reads too. @throws AppError CONFIG_INVALID on a line that it does not understand */
export function parseHostTools(text: string): HostTool[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [group, tool, name, who, more] = line.trim().split(/\s+/);
    const isGroup = group === 'build' || group === 'verify' || group === 'test';
    if (!isGroup || !tool || !name || (who !== 'all' && who !== 'user') || more !== undefined) {
      throw new AppError('CONFIG_INVALID', `src/host-tools.txt:${index + 1}: not understood: ${line}`);
    }
    return [{ group, anyOf: tool.split('|'), package: name, who }];
  });
}

/** The path of the first of these commands or files that is there. */
async function findAny(names: string[]): Promise<string | undefined> {
  for (const name of names) {
    const isPath = name.startsWith('/');
    for (const path of isPath ? [name] : searchPath.map((folder) => `${folder}/${name}`)) {
      const found = await access(path, isPath ? constants.R_OK : constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return path;
    }
  }
  return undefined;
}

/** Versions of installed packages by name; empty on a host without dpkg. */
async function packageVersions(packages: string[], signal: AbortSignal): Promise<Map<string, string>> {
  try {
    const format = '${db:Status-Abbrev}|${Package}|${Version}\n';
    const argv = ['dpkg-query', '--show', `--showformat=${format}`, ...packages];
    const { stdout } = await exec(argv, { signal, okExitCodes: [0, 1] });
    const rows = stdout.split('\n').map((line) => line.split('|'));
    return new Map(
      rows.flatMap(([status, name, version]) => (status?.startsWith('ii') && name && version ? [[name, version]] : [])),
    );
  } catch (error) {
    if (error instanceof AppError && error.code === 'TOOL_MISSING') return new Map();
    throw error;
  }
}

/** Every tool of the list that this user needs, with its path, package and version. */
export async function inspectTools(signal: AbortSignal): Promise<HostFact[]> {
  const tools = parseHostTools(await readFile(new URL('../host-tools.txt', import.meta.url), 'utf8'));
  const isRoot = process.getuid?.() === 0;
  const versions = await packageVersions([...new Set(tools.map((tool) => tool.package))], signal);
  return Promise.all(
    tools
      .filter((tool) => tool.who === 'all' || !isRoot)
      .map(async (tool): Promise<HostFact> => {
        const name = (tool.anyOf[0] ?? '').split('/').at(-1) ?? '';
        const path = await findAny(tool.anyOf);
        const fact = { id: `tool.${tool.group}.${name}`, title: name, neededFor: tool.group, package: tool.package };
        if (path === undefined) {
          const hint = `apt-get install --no-install-recommends ${tool.package}`;
          return { ...fact, status: tool.group === 'test' ? 'warn' : 'fail', found: 'missing', hint };
        }
        // A tool from elsewhere is fine, but then the package's version says nothing about it.
        const version = (await realpath(path)).startsWith('/usr/local/') ? undefined : versions.get(tool.package);
        const found = version === undefined ? path : `${path} (${tool.package} ${version})`;
        return { ...fact, status: 'ok', found, ...(version === undefined ? {} : { version }) };
      }),
  );
}

/** Tools run under C.UTF-8, so the C library must know it. */
export async function inspectLocale(signal: AbortSignal): Promise<HostFact> {
  const fact = { id: 'locale', title: 'Locale C.UTF-8', neededFor: 'build' } as const;
  const { stdout } = await exec(['locale', '-a'], { signal });
  if (/^C\.utf-?8$/im.test(stdout)) return { ...fact, status: 'ok', found: 'known' };
  return {
    ...fact,
    status: 'warn',
    found: 'unknown',
    hint: 'Names that are not ASCII may be garbled in messages: install libc-bin.',
  };
}
