import { userInfo } from 'node:os';

/** The account that runs this, or the number of a user who has none, as in containers that run under any id. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}
