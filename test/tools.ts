import { accessSync, constants, existsSync } from 'node:fs';

/** Where `util/exec.ts` lets child processes look. */
const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether a command (`qemu-img`) or a file (`/usr/share/...`) is on this host. */
export function hasTool(tool: string): boolean {
  if (tool.startsWith('/')) return existsSync(tool);
  return searchPath.some((folder) => isExecutable(`${folder}/${tool}`));
}

function mustSkip(missing: string[]): boolean {
  if (missing.length === 0) return false;
  if (process.env['REQUIRE_TOOLS']) throw new Error(`These tests need what is not on this host: ${missing.join(', ')}`);
  return true;
}

/**
 * For `describe.skipIf(needs('qemu-img'))`: true when one of these commands or files is missing and the tests must be skipped.
 * @throws Error instead, naming them, when REQUIRE_TOOLS is set.
 */
export function needs(...tools: string[]): boolean {
  return mustSkip(tools.filter((tool) => !hasTool(tool)));
}

/** The same for root rights. */
export function needsRoot(): boolean {
  return mustSkip(process.getuid?.() === 0 ? [] : ['root']);
}
