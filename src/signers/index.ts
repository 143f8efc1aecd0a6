export { minisign } from './minisign.ts';
export { sigstoreBundle } from './sigstore-bundle.ts';
