import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from 'xen-api';
import { openXapi, type SrRef, type VmRef, type Xapi } from '../../src/clients/xapi.ts';
import { streamXva } from '../../src/formats/xva/stream.ts';
import { xva as xvaFormat } from '../../src/formats/xva.ts';
import { raw } from '../../src/formats/raw.ts';
import { vhd } from '../../src/formats/vhd.ts';
import { exec } from '../../src/util/exec.ts';
import { builtOf, type TestFolder, testFolder, vmOf, writeDisk } from '../disks.ts';
import { needs } from '../tools.ts';
import { sampleDisk, type SampleFile, type SampleOptions, sampleXva } from './xapi/sample-xva.ts';
import { type FakeXapi, type FakeXapiOptions, startXapi, XapiFault } from './xapi.ts';

const template = 'Other install media';
const mib = 1024 * 1024;

describe.skipIf(needs('openssl'))('the fake pool', () => {
  let folder: TestFolder;
  let pool: FakeXapi;
  let ends: (() => Promise<unknown>)[];
  /** Of our own client. */
  let session = '';

  beforeEach(async () => {
    folder = await testFolder();
    ends = [];
  });

  afterEach(async () => {
    for (const end of ends.toReversed()) await end();
    await folder[Symbol.asyncDispose]();
  });

  async function start(options: FakeXapiOptions = {}): Promise<void> {
    pool = await startXapi(folder.file('pool'), options);
    ends.push(() => pool.close());
  }

  async function own(): Promise<Xapi> {
    const xapi = await openXapi({
      hosts: [pool.hosts[0]?.address ?? ''],
      credentials: () => Promise.resolve({ user: 'root', password: 'secret' }),
      onSession: (id) => void (session = id),
      trust: { fingerprints: pool.hosts.map(({ fingerprint }) => fingerprint) },
    });
    ends.push(() => xapi.close());
    return xapi;
  }

  /** The client of Xen Orchestra, which knows real pools. */
  async function peer(transport: 'json-rpc' | 'xml-rpc' | 'auto' = 'auto', host = 0): Promise<ReturnType<typeof createClient>> {
    const client = createClient({
      url: `https://${pool.hosts[host]?.address}`,
      auth: { user: 'root', password: 'secret' },
      // It has no way to name a certificate; this is the loopback interface.
      allowUnauthorized: true,
      transport,
      debounce: 10,
      eventPollDelay: 50,
    });
    await client.connect();
    ends.push(() => client.disconnect());
    await client.objectsFetched;
    return client;
  }

  describe('to a client that we did not write', () => {
    test.each(['json-rpc', 'xml-rpc'] as const)('speaks %s: log-in, calls, tasks, errors, events', async (transport) => {
      await start();
      const client = await peer(transport);
      expect(client.pool.name_label).toBe('test pool');
      const objects = Object.values(client.objects.all);
      expect(objects.map(({ $type }) => $type)).toEqual(expect.arrayContaining(['pool', 'host', 'SR', 'VM', 'network']));
      const base = objects.find(({ name_label: name }) => name === template);
      const clone = (await client.callAsync('VM.clone', base?.$ref, 'a <clone> & more')) as string;
      const seen = await client.barrier(clone);
      expect(seen).toMatchObject({ name_label: 'a <clone> & more', is_a_template: true, memory_static_max: expect.anything() });
      await client.call('VM.add_to_other_config', clone, 'key', 'value');
      expect(await client.call('VM.get_other_config', clone)).toMatchObject({ key: 'value' });
      await expect(client.call('VM.add_to_other_config', clone, 'key', 'again')).rejects.toMatchObject({
        code: 'MAP_DUPLICATE_KEY',
      });
      await expect(client.callAsync('VM.start', clone, false, false)).rejects.toMatchObject({
        code: 'VM_IS_TEMPLATE',
        params: [clone],
      });
      await client.call('VM.destroy', clone);
      await client.barrier();
      expect(() => client.getObjectByRef(clone)).toThrow(expect.anything());
    });

    test('is an old pool without JSON-RPC', async () => {
      await start({ rpc: 'xml' });
      const client = await peer('auto');
      expect(client.pool.name_label).toBe('test pool');
    });

    test('sends it from a slave to the master', async () => {
      await start({ hosts: 2 });
      const client = await peer('auto', 1);
      expect(client.pool.name_label).toBe('test pool');
      expect(pool.log.some(({ host, name }) => host === 0 && name === 'session.login_with_password')).toBe(true);
    });

    test('forgets its session, and takes it in again', async () => {
      await start();
      const client = await peer();
      pool.expireSessions();
      expect(await client.call('pool.get_all')).toHaveLength(1);
    });

    test('takes an XVA and gives it back', async () => {
      await start();
      const client = await peer();
      const disk = sampleDisk(3);
      const file = await sampleXva({ disks: [disk], name: 'from the peer' });
      // A stream with a length, as it sends backups.
      const body = Object.assign(Readable.from([file], { objectMode: false }), { length: file.length });
      const [vm] = (await client.putResource(body, '/import', {
        query: { sr_id: client.pool['default_SR'] },
        task: true,
      })) as string[];
      const record = await client.barrier(vm);
      expect(record.name_label).toBe('from the peer');
      expect((await readFile(diskOf(vm ?? ''))).equals(disk)).toBe(true);
      const answer = await client.getResource('/export', { query: { ref: vm, use_compression: 'zstd' }, task: true });
      const exported = await buffer(answer.body);
      await answer.task;
      const again = (await client.putResource(exported, '/import', { query: {}, task: true })) as string[];
      expect((await readFile(diskOf(again[0] ?? ''))).equals(disk)).toBe(true);
    });

    test('sends an import on to the host that sees the storage', async () => {
      await start({ hosts: 2, srs: [{ name: 'far', hosts: [1] }] });
      const client = await peer();
      const file = await sampleXva();
      const body = Object.assign(Readable.from([file], { objectMode: false }), { length: file.length });
      expect(await client.putResource(body, '/import', { query: { sr_id: client.pool['default_SR'] }, task: true })).toHaveLength(
        1,
      );
      expect(pool.log.filter(({ name }) => name === 'PUT /import').map(({ host }) => host)).toEqual([0, 1]);
    });

    test('fails an import late, and the peer says so', async () => {
      await start({ faults: { importFailsLate: new XapiFault('VDI_IO_ERROR', ['Device I/O error']) } });
      const client = await peer();
      const file = await sampleXva();
      const body = Object.assign(Readable.from([file], { objectMode: false }), { length: file.length });
      await expect(client.putResource(body, '/import', { query: {}, task: true })).rejects.toMatchObject({
        code: 'VDI_IO_ERROR',
      });
    });
  });

  function diskOf(vm: string): string {
    const [vbd] = pool.db.get('VM', vm)['VBDs'] as string[];
    return pool.diskPath((pool.db.get('VBD', vbd ?? '') as { VDI: string }).VDI);
  }

  function sourceOf(file: Buffer): { length: number; open: () => Readable } {
    return { length: file.length, open: () => Readable.from([file], { objectMode: false }) };
  }

  const swap = (from: number, to: number) => (files: SampleFile[]) => {
    const changed = [...files];
    [changed[from], changed[to]] = [changed[to] as SampleFile, changed[from] as SampleFile];
    return changed;
  };
  const refusals: [string, SampleOptions, string, string?][] = [
    ['whose first file is not ova.xml', { change: (files) => files.slice(1) }, 'IMPORT_ERROR_UNEXPECTED_FILE'],
    [
      'with blocks in the wrong order',
      { disks: [Buffer.alloc(4 * mib, 1)], change: (files) => swap(3, 5)(swap(4, 6)(files)) },
      'IMPORT_ERROR_GENERIC',
      'Invalid XVA file',
    ],
    [
      'without its first block',
      { change: (files) => [...files.slice(0, 1), ...files.slice(3)] },
      'IMPORT_ERROR_GENERIC',
      'first block',
    ],
    ['without its last block', { change: (files) => files.slice(0, -2) }, 'IMPORT_ERROR_PREMATURE_EOF'],
    ['whose checksum does not follow its block', { change: swap(2, 3) }, 'IMPORT_ERROR_GENERIC', 'unsupported checksum file'],
    [
      'with a wrong checksum',
      { change: (files) => files.map((file, at) => (at === 2 ? { ...file, bytes: Buffer.from('EF46DB3751D8E998') } : file)) },
      'IMPORT_ERROR_GENERIC',
      'Invalid_checksum',
    ],
    [
      'with a checksum in small letters',
      {
        change: (files) =>
          files.map((file, at) => (at === 2 ? { ...file, bytes: Buffer.from(file.bytes.toString().toLowerCase()) } : file)),
      },
      'IMPORT_ERROR_GENERIC',
      'Invalid_checksum',
    ],
    [
      'with a block of more than 1 MiB',
      { change: (files) => files.map((file, at) => (at === 1 ? { ...file, bytes: Buffer.alloc(mib + 512) } : file)) },
      'IMPORT_ERROR_GENERIC',
      'larger than 1 MiB',
    ],
    [
      'whose second disk comes first',
      {
        disks: [sampleDisk(1), sampleDisk(2)],
        change: (files) => [...files.slice(0, 1), ...files.slice(3), ...files.slice(1, 3)],
      },
      'IMPORT_ERROR_GENERIC',
      'Invalid XVA file',
    ],
    [
      'whose records lack what XAPI needs',
      {
        change: (files) =>
          files.map((file, at) =>
            at === 0
              ? { ...file, bytes: Buffer.from(file.bytes.toString().replace('<name>PV_args</name>', '<name>PV_argz</name>')) }
              : file,
          ),
      },
      'IMPORT_ERROR_GENERIC',
      'the field PV_args is missing',
    ],
    ['that is newer than the host', { version: [3, 0] }, 'IMPORT_INCOMPATIBLE_VERSION'],
  ];

  test.each(refusals)('refuses an XVA %s, and keeps nothing of it', async (_what, options, code, words = '') => {
    await start();
    const xapi = await own();
    const [sr] = await xapi.all('SR');
    const file = await sampleXva(options);
    const importing = xapi.importXva(sourceOf(file), { sr: sr?.ref as SrRef });
    const failure = await importing.catch((error: unknown) => error);
    expect(failure).toMatchObject({ details: { xapi: code }, message: expect.stringContaining(words) });
    for (const name of ['VDI', 'VBD', 'task']) expect(pool.db.all(name)).toEqual([]);
    expect(pool.db.all('VM')).toHaveLength(1);
  });

  test('takes SHA-1 checksums, and a network by its name; a network that it does not know it makes', async () => {
    await start();
    const xapi = await own();
    const [sr] = await xapi.all('SR');
    for (const [network, count] of [
      ['Pool-wide network associated with eth0', 1],
      ['unknown', 2],
    ] as const) {
      const file = await sampleXva({ checksum: 'sha1', network });
      await xapi.importXva(sourceOf(file), { sr: sr?.ref as SrRef });
      expect(pool.db.all('network')).toHaveLength(count);
    }
    expect(new Set(pool.db.all('VIF').map(({ record }) => record['MAC'])).size).toBe(2);
  });

  test('refuses a body in chunks, and an import into a library of discs', async () => {
    await start({ srs: [{ name: 'disks' }, { name: 'discs', contentType: 'iso' }] });
    const xapi = await own();
    const task = await xapi.call('task.create', 'chunked', '');
    const answer = await answerTo(
      `PUT /import?task_id=${task} HTTP/1.1\r\nCookie: session_id=${session}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(pool.db.get('task', task)['error_info']).toEqual(['IMPORT_ERROR_CANNOT_HANDLE_CHUNKED']);
    const iso = (await xapi.all('SR')).find(({ record }) => record.content_type === 'iso');
    const file = await sampleXva();
    const importing = xapi.importXva(sourceOf(file), { sr: iso?.ref as SrRef });
    await expect(importing).rejects.toMatchObject({ details: { xapi: 'SR_OPERATION_NOT_SUPPORTED' } });
  });

  /** Sends bytes and returns all that comes back. */
  async function answerTo(request: string): Promise<string> {
    const [host = '', port] = (pool.hosts[0]?.address ?? '').split(':');
    const socket = tlsConnect({ host, port: Number(port), rejectUnauthorized: false });
    socket.write(request);
    return (await buffer(socket)).toString('latin1');
  }

  test('says yes before it reads, in two writes, with an error page behind when it fails late', async () => {
    await start();
    const xapi = await own();
    const [sr] = await xapi.all('SR');
    const answer = await answerTo(
      `PUT /import?sr_id=${sr?.ref} HTTP/1.1\r\nCookie: session_id=${session}\r\nContent-Length: 600\r\n\r\n${'x'.repeat(600)}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*task-id: OpaqueRef:[\s\S]*HTTP\/1\.1 500 Internal Error/);
  });

  test('a VM template cannot be started, a running VM cannot become one, a destroyed VM leaves its disks', async () => {
    await start();
    const xapi = await own();
    const [sr] = await xapi.all('SR');
    const file = await sampleXva();
    const source = sourceOf(file);
    const [vm] = (await xapi.importXva(source, { sr: sr?.ref as SrRef })) as [VmRef];
    await xapi.call('VM.start', vm, false, false);
    await expect(xapi.call('VM.set_is_a_template', vm, true)).rejects.toMatchObject({ details: { xapi: 'VM_BAD_POWER_STATE' } });
    await expect(xapi.call('VM.destroy', vm)).rejects.toMatchObject({ code: 'CONFLICT' });
    await xapi.call('VM.hard_shutdown', vm);
    await xapi.call('VM.set_is_a_template', vm, true);
    await expect(xapi.call('VM.start', vm, false, false)).rejects.toMatchObject({ details: { xapi: 'VM_IS_TEMPLATE' } });
    const clone = await xapi.run('VM.clone', [vm, 'clone']);
    expect(await xapi.call('VM.get_is_a_template', clone)).toBe(true);
    await xapi.call('VM.destroy', vm);
    expect(pool.db.all('VDI')).toHaveLength(2);
    expect(pool.db.all('VBD')).toHaveLength(1);
  });

  describe('takes what this product writes', () => {
    const shape = {
      size: 6 * mib + 4096,
      pieces: [
        { kind: 'text', offset: 0, length: 200_000 },
        { kind: 'noise', offset: 3 * mib + 5, length: mib },
      ],
    } as const;

    test.each(['xxhash', 'sha1'] as const)('XVA, with %s, and gives back what this product reads', async (checksum) => {
      await start();
      const xapi = await own();
      const disk = folder.file('disk');
      await writeDisk(disk, { ...shape, pieces: [...shape.pieces] });
      const given = await raw.open(disk);
      const signal = new AbortController().signal;
      const stream = await streamXva([given, given], vmOf({ networks: [] }), { checksum, signal });
      const [sr] = await xapi.all('SR');
      const source = { length: stream.length, open: () => Readable.from(stream.open(signal), { objectMode: false }) };
      const [vm] = (await xapi.importXva(source, { sr: sr?.ref as SrRef })) as [VmRef];
      const imported = await readFile(diskOf(vm));
      expect(imported.length).toBe(7 * mib);
      expect(imported.subarray(0, shape.size).equals(await readFile(disk))).toBe(true);
      const path = folder.file('export.xva');
      pool.faults.emptyBlockAfter = 0;
      await xapi.exportXva(vm, createWriteStream(path));
      const back = await xvaFormat.open(path);
      expect((await back.read(0, imported.length)).equals(imported)).toBe(true);
      await Promise.all([given.close(), back.close()]);
    });

    test.skipIf(needs('qemu-img'))('VHD, of this product and of qemu-img, into a VDI', async () => {
      await start();
      const xapi = await own();
      const [disk, theirs, ours] = [folder.file('disk'), folder.file('theirs.vhd'), folder.file('ours.vhd')];
      await writeDisk(disk, { size: 6 * mib, pieces: [...shape.pieces] });
      await exec(['qemu-img', 'convert', '-f', 'raw', '-O', 'vpc', '-o', 'subformat=dynamic,force_size=on', disk, theirs]);
      await vhd.write(builtOf(disk, 6 * mib), ours, folder.ctx(), vmOf());
      const [sr] = await xapi.all('SR');
      for (const path of [theirs, ours]) {
        const vdi = await xapi.call('VDI.create', {
          name_label: path,
          name_description: '',
          SR: sr?.ref as SrRef,
          virtual_size: 6 * mib,
          type: 'user',
          sharable: false,
          read_only: false,
          other_config: {},
        });
        const file = await readFile(path);
        const source = sourceOf(file);
        await xapi.importVdi(vdi, source, { format: 'vhd' });
        expect((await readFile(pool.diskPath(vdi))).equals(await readFile(disk))).toBe(true);
      }
    });
  });
});
