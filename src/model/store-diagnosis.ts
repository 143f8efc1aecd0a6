import type { VerdictStatus } from '../util/events.ts';

/** What `gabarit store doctor` found out about the way to a store. */

/** Why a store does not work, or not as it is configured. One word for each thing that a person can do something about. */
export type StoreCause =
  | 'credentials-missing'
  | 'name-unknown'
  | 'unreachable'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-for-another-name'
  | 'certificate-unknown-authority'
  | 'certificate-chain-incomplete'
  | 'tls-too-old'
  | 'not-tls'
  | 'not-s3'
  | 'no-answer'
  | 'clock'
  | 'access-key-unknown'
  | 'secret-wrong'
  | 'token-invalid'
  | 'region'
  | 'addressing'
  | 'signature-version'
  | 'host-rewritten'
  | 'path-rewritten'
  | 'headers-changed'
  | 'signature-unexplained'
  | 'bucket-missing'
  | 'denied-put'
  | 'denied-get'
  | 'denied-list'
  | 'denied-delete'
  | 'denied-multipart'
  | 'checksums'
  | 'expect'
  | 'multipart'
  | 'corrupts'
  | 'refused';

/** One thing that was tried, alone. */
export interface StoreProbe {
  /** `tls`, `region`, `if-match`: stays the same between versions. */
  id: string;
  title: string;
  status: VerdictStatus;
  /** What was found, in plain words. */
  found: string;
  /** What to do about it. */
  hint?: string;
  cause?: StoreCause;
}

/** What the configuration of a store would say to make it work; the keys are those of `stores:`. */
export interface WorkingSettings {
  url: string;
  endpoint?: string;
  region?: string;
  addressing?: 'path' | 'virtual-host';
  signature?: 'v4' | 'v2';
  checksums?: 'when-required' | 'always';
  expectContinue?: boolean;
}

export interface StoreDiagnosis {
  schema: 'gabarit.store-diagnosis/1';
  url: string;
  endpoint: string;
  probes: StoreProbe[];
  /** What is wrong, the first cause first; empty when nothing is. */
  causes: StoreCause[];
  /** Whether images can be published there with `settings`. */
  works: boolean;
  settings: WorkingSettings;
  /** The keys of `settings` that must differ from what was configured. */
  changes: (keyof WorkingSettings)[];
  /** What the doctor wrote there and could not delete again. */
  leftovers: string[];
}

export interface DiagnoseOptions {
  signal: AbortSignal;
  /** Called with each probe as soon as it is known. */
  onProbe?: (probe: StoreProbe) => void;
}
