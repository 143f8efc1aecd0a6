import type { XapiFault } from './fault.ts';
import type { User } from './sessions.ts';

export interface SrOptions {
  name: string;
  /** 100 GiB by default. */
  sizeBytes?: number;
  shared?: boolean;
  /** The hosts that see it; all by default. */
  hosts?: number[];
  /** Promises more than it has, and fails when it is written. */
  thin?: boolean;
  contentType?: 'user' | 'iso';
}

export interface FakeXapiOptions {
  /** How many hosts the pool has: 127.0.0.1, 127.0.0.2 ... on one port. The first is the master. */
  hosts?: number;
  /** Besides root with the password `secret`, who is pool-admin. */
  users?: User[];
  /** The first is the pool's default. */
  srs?: SrOptions[];
  networks?: { name: string; bridge: string }[];
  /** What the hosts understand of exports; `[2, 21]`. */
  apiVersion?: [number, number];
  /** `xml`: old hosts, without JSON-RPC. */
  rpc?: 'json' | 'xml';
  /** How long a session lives without being used; a day. */
  sessionSeconds?: number;
  /** Who signs the hosts' certificates. */
  certificates?: 'itself' | 'ca';
  faults?: Partial<XapiFaults>;
}

/** What goes wrong, or otherwise than usual. May be changed at any time. */
export interface XapiFaults {
  /** Called before a method is carried out; throws an XapiFault to refuse, or waits. */
  beforeCall?: ((method: string, parameters: unknown[]) => void | Promise<void>) | undefined;
  /** The method is carried out, and the connection cut before the answer. */
  cutAnswer?: ((method: string) => boolean) | undefined;
  /** How long an asynchronous call takes. */
  taskMs: number;
  /** These asynchronous calls never end. */
  taskStuck?: ((method: string) => boolean) | undefined;
  /** Tasks do not notice that they are cancelled. */
  ignoreCancel: boolean;
  /** The connection is cut after so many bytes of the body of an import. */
  cutImportAt?: number | undefined;
  /** An import stops reading after so many bytes, and never ends. */
  importStuckAt?: number | undefined;
  /** An import fails after all of it was taken. */
  importFailsLate?: XapiFault | undefined;
  /** Called after each block of an import, with the bytes of disk so far. */
  onImportBlock?: ((bytes: number) => void | Promise<void>) | undefined;
  /** The connection is reset as soon as an import has succeeded, whatever is still to be read. */
  resetAfterImport: boolean;
  /** The answer to an import comes only after so many bytes of its body, as from a proxy that reads ahead. */
  answerLateAt?: number | undefined;
  /** Imports are refused, as while hosts are upgraded. */
  upgrading: boolean;
  /** An export breaks after so many bytes: an error page in the middle of the body, and a failed task. */
  exportBreaksAt?: number | undefined;
  /** After this block of an export comes an empty one, as a real host sends after five seconds of silence. */
  emptyBlockAfter?: number | undefined;
  /** How long after its start a VM's agent reports. */
  agentAfterMs: number;
  /** VMs start, and their agent never reports. */
  agentSilent: boolean;
  /** VMs do not start. */
  startFails?: XapiFault | undefined;
  console: ConsoleFaults;
}

export interface ConsoleFaults {
  /** The answer and the first bytes of RFB are sent in pieces that end at these bytes. */
  splitAt?: number[] | undefined;
  /** Pause between the pieces. */
  pauseMs: number;
  status?: 401 | 404 | 500 | 503 | undefined;
  /** Nothing is answered. */
  hang: boolean;
}

export const noFaults: XapiFaults = {
  taskMs: 5,
  ignoreCancel: false,
  resetAfterImport: false,
  upgrading: false,
  agentAfterMs: 50,
  agentSilent: false,
  console: { pauseMs: 5, hang: false },
};
