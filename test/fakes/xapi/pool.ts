import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { nullRef } from './classes.ts';
import { Database, textOf } from './database.ts';
import type { FakeXapiOptions, XapiFaults } from './options.ts';
import { noFaults } from './options.ts';
import type { ConsoleActivity, FakeScreen } from './rfb-server.ts';
import { Sessions } from './sessions.ts';
import { Storage } from './storage.ts';
import { Tasks } from './tasks.ts';

const gib = 1024 ** 3;

export interface LoggedRequest {
  host: number;
  /** A method (`VM.clone`), or a request (`PUT /import`). */
  name: string;
  /** The target of a request, as it was sent. */
  target?: string;
}

/** What all hosts of the pool share. */
export class FakePool {
  readonly db = new Database();
  readonly tasks = new Tasks(this.db);
  readonly sessions: Sessions;
  readonly storage: Storage;
  readonly faults: XapiFaults;
  /** Disks that bytes are coming in for: the host has them attached meanwhile. */
  readonly filling = new Set<string>();
  readonly options: { apiVersion: [number, number]; rpc: 'json' | 'xml' };
  readonly log: LoggedRequest[] = [];
  /** References of the hosts' records, in their order. */
  readonly hostRefs: string[] = [];
  readonly poolRef: string;
  /** What was done at the VMs' consoles, and what they show. */
  readonly consoles = new Map<string, ConsoleActivity>();
  readonly screens = new Map<string, FakeScreen>();
  readonly viewers = new Set<Duplex>();
  /** Ends what runs by itself: agents, waiting calls. */
  readonly closing = new AbortController();
  master = 0;

  constructor(folder: string, addresses: string[], options: FakeXapiOptions) {
    const root = { name: 'root', password: 'secret', role: 'pool-admin' as const };
    this.sessions = new Sessions([root, ...(options.users ?? [])], (options.sessionSeconds ?? 86_400) * 1000);
    this.storage = new Storage(this.db, join(folder, 'disks'));
    this.faults = { ...structuredClone(noFaults), ...options.faults };
    this.options = { apiVersion: options.apiVersion ?? [2, 21], rpc: options.rpc ?? 'json' };
    for (const [index, address] of addresses.entries()) this.hostRefs.push(this.#createHost(index, address));
    const srs = options.srs ?? [{ name: 'Local storage' }];
    const refs = srs.map((sr) => this.#createSr(sr));
    this.poolRef = this.db.create('pool', {
      name_label: 'test pool',
      master: this.hostRefs[0] ?? nullRef,
      default_SR: refs[0] ?? nullRef,
    });
    for (const network of options.networks ?? [{ name: 'Pool-wide network associated with eth0', bridge: 'xenbr0' }]) {
      this.db.create('network', { name_label: network.name, bridge: network.bridge });
    }
    this.#createStandardTemplate();
  }

  addressOf(host: number): string {
    return textOf(this.db.get('host', this.hostRefs[host] ?? ''), 'address');
  }

  /** The hosts that see a repository. */
  hostsOf(sr: string): number[] {
    const seen = this.db.all('PBD').filter(({ record }) => record['SR'] === sr && record['currently_attached'] === true);
    return seen.map(({ record }) => this.hostRefs.indexOf(textOf(record, 'host'))).toSorted((a, b) => a - b);
  }

  newMac(): string {
    const [first = 0, ...rest] = randomBytes(6);
    return [(first & 0xfc) | 2, ...rest].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  }

  #createHost(index: number, address: string): string {
    const [major, minor] = this.options.apiVersion;
    return this.db.create('host', {
      name_label: `host-${index + 1}`,
      hostname: `host-${index + 1}`,
      address,
      API_version_major: String(major),
      API_version_minor: String(minor),
      software_version: {
        product_brand: 'XCP-ng',
        product_version: '8.3.0',
        xapi: `${major}.${minor}`,
        platform_version: '3.4.0',
      },
    });
  }

  #createSr({
    name,
    sizeBytes = 100 * gib,
    shared = true,
    hosts,
    thin = false,
    contentType = 'user',
  }: NonNullable<FakeXapiOptions['srs']>[number]): string {
    const sr = this.db.create('SR', {
      name_label: name,
      type: contentType === 'iso' ? 'iso' : thin ? 'ext' : 'lvm',
      content_type: contentType,
      shared,
      physical_size: String(sizeBytes),
    });
    if (thin) this.storage.setThin(sr);
    for (const host of hosts ?? this.hostRefs.keys()) this.db.create('PBD', { host: this.hostRefs[host] ?? nullRef, SR: sr });
    return sr;
  }

  /** A pool comes with VM templates of its own. */
  #createStandardTemplate(): void {
    this.db.create('VM', {
      name_label: 'Other install media',
      is_a_template: true,
      is_default_template: true,
      reference_label: 'other-install-media',
      memory_static_max: String(gib),
      memory_dynamic_max: String(gib),
      memory_dynamic_min: String(gib),
      memory_static_min: String(gib / 8),
      VCPUs_max: '1',
      VCPUs_at_startup: '1',
      HVM_boot_policy: 'BIOS order',
      HVM_boot_params: { order: 'dc' },
      domain_type: 'hvm',
      other_config: { default_template: 'true', mac_seed: randomUUID() },
    });
  }
}
