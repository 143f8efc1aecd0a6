/**
 * The nonce that the server's content security policy allows styles by. Mantine and the editor are handed it; the library that locks
 * scrolling behind dialogs looks for it under the name that webpack gives it.
 */
export function readNonce(): string {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
  Object.assign(globalThis, { __webpack_nonce__: nonce });
  return nonce;
}
