import type { Arch } from './platform.ts';

/** A file that a vendor publishes, and how it is proven to be his. Facts only: nothing here fetches. */
export interface VendorFile {
  /** What the vendor calls it: `netinst`, `dvd`, `generic`. */
  id: string;
  arch: Arch;
  /** The URL of its folder, with a slash at its end. */
  folder: string;
  /** Its name in the folder. `*` stands for what a point release or a date changes: the file of digests tells the names, the newest is meant. */
  name: string;
  digests: {
    /** Its name, in the same folder. `*` as in the file's own name. It lists digests as sha256sum writes them (`HEX  NAME`) or as BSD does (`SHA256 (NAME) = HEX`); readers take both. */
    name: string;
    algorithm: 'sha256' | 'sha512';
  };
  signature: Signature;
}

/** A disk image with an installed system. */
export interface CloudImage extends VendorFile {
  /**
   * Why an image made from it cannot be checked without starting it, as the end of a sentence: checks read one ext4 with /boot in it.
   * Absent where nothing is in the way.
   */
  obstacle?: string;
}

export type Signature =
  /** A signature beside the file of digests, in the same folder. */
  | { kind: 'detached'; name: string; key: SigningKey }
  /** The file of digests holds its own signature. */
  | { kind: 'clearsigned'; key: SigningKey }
  /** The vendor signs nothing, or we could not find out how: HTTPS alone stands behind the digests. A digest or a key must be given. */
  | { kind: 'none'; why: string };

/** An OpenPGP key of a vendor. */
export interface SigningKey {
  owner: string;
  /** Whole, upper-case, of the primary key. Empty where we could verify none: the user must give the key. */
  fingerprints: string[];
  /** Where the vendor publishes the key, or its fingerprint. */
  url: string;
  /** What the fingerprint was compared with when this was written. */
  verifiedWith: string;
  /** The file that has it on a Debian or Ubuntu host, and the package that brings it. */
  keyring?: KeyPackage;
}

export interface KeyPackage {
  path: string;
  package: string;
  /** What an older host needs to install it. */
  where?: string;
}
