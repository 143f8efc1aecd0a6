/** The session cookie. `__Host-` binds it to exactly this host over TLS; plain HTTP, which is for loopback alone, cannot have that name. */

export function cookieName(isSecure: boolean): string {
  return isSecure ? '__Host-gabarit' : 'gabarit';
}

export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

export function setCookie(
  name: string,
  value: string,
  { isSecure, maxAge, sameSite = 'Strict' }: { isSecure: boolean; maxAge: number; sameSite?: 'Strict' | 'Lax' },
): string {
  return `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite}; Max-Age=${Math.floor(maxAge)}${isSecure ? '; Secure' : ''}`;
}
