import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FakeS3, startS3 } from '../../../test/fakes/s3.ts';
import { createApp } from '../../app.ts';
import { runCli } from '../program.ts';

/** The real application, and a real server. */

let folder = '';
let server: FakeS3;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-store-'));
  server = await startS3({ buckets: ['templates'], region: 'garage' });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

interface Outcome {
  code: number;
  out: string;
  err: string;
  config: string;
}

const doctor = (...argv: string[]): Promise<Outcome> => store('doctor', ...argv);

async function store(...argv: string[]): Promise<Outcome> {
  let [out, err] = ['', ''];
  const configFile = join(folder, 'gabarit.yaml');
  const environment = {
    HOME: folder,
    GABARIT_CACHE: join(folder, 'cache'),
    GABARIT_STATE: join(folder, 'state'),
    S3_ACCESS: server.accessKey,
    S3_SECRET: server.secretKey,
  };
  const code = await runCli(['store', ...argv, '--config', configFile], {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    environment,
    createApp: (flags) => createApp(flags, environment),
  });
  return { code, out, err, config: await readFile(configFile, 'utf8') };
}

async function configure(text: string): Promise<void> {
  await writeFile(join(folder, 'gabarit.yaml'), text);
}

const keys = ['--access-key', 'env:S3_ACCESS', '--secret-key', 'env:S3_SECRET'];

function configured(): string {
  return `# Where our images are.
stores:
  # the one that counts
  prod:
    url: s3://templates/gabarit
    endpoint: ${server.url}
    region: us-east-1 # to be checked
    credentials: { accessKey: env:S3_ACCESS, secretKey: env:S3_SECRET }
cacheLimit: 10GiB
`;
}

describe('gabarit store doctor', () => {
  it('says what is wrong with a configured store, and puts it right when told to', async () => {
    await configure(configured());
    const asked = await doctor('prod');
    expect(asked.code).toBe(7);
    expect(asked.err).toMatch(/^✓ Credentials +found in env:S3_ACCESS and env:S3_SECRET\n✓ Name /);
    expect(asked.err).toMatch(/\n✗ Region +the bucket is in the region "garage", not "us-east-1"\n +Set "region: garage"\.\n/);
    expect(asked.err.trimEnd().split('\n').length).toBeGreaterThan(20);
    expect(asked.out).toBe(
      's3://templates/gabarit works with these settings instead:\n\nstores:\n  prod:\n    region: garage\n\nThe same command with --write puts them into the configuration file.\n',
    );
    expect(asked.config).toBe(configured());
    const written = await doctor('prod', '--write');
    expect(written.code).toBe(0);
    expect(written.config).toBe(configured().replace('us-east-1', 'garage'));
    const again = await doctor('prod', '--write');
    expect(again).toMatchObject({ code: 0, out: 's3://templates/gabarit works as it is configured.\n' });
    expect(again.config).toBe(written.config);
    expect(server.keys('templates')).toEqual([]);
  });

  it('finds the settings of a store that is not configured, and keeps it under a name', async () => {
    await configure('');
    const url = `${server.url}/templates/new`;
    const asked = await doctor(url, ...keys);
    expect(asked).toMatchObject({ code: 0, config: '' });
    expect(asked.out).toContain(
      `stores:\n  templates:\n    url: s3://templates/new\n    endpoint: ${server.url}\n    region: garage\n    credentials:\n`,
    );
    const written = await doctor(url, ...keys, '--write', '--as', 'mine');
    expect(written).toMatchObject({ code: 0, out: expect.stringContaining('Written to ') as string });
    expect(written.config).toContain(`stores:\n  mine:\n    url: s3://templates/new\n`);
    // What was written is a configuration that works.
    expect(await doctor('mine')).toMatchObject({ code: 0, out: 's3://templates/new works as it is configured.\n' });
    expect((await doctor('s3://templates/new', '-q')).code).toBe(0);
  });

  it('writes nothing about a store that does not work', async () => {
    await configure(configured());
    server.deny = new Set(['put']);
    const { code, out, config } = await doctor('prod', '--write');
    expect([code, config]).toEqual([7, configured()]);
    expect(out).toContain('s3://templates/gabarit does not work:\n  Region: ');
    expect(out).toContain('  Write: these credentials lack the right s3:PutObject');
  });

  it('tells programs one probe a line, and the whole at the end', async () => {
    await configure(configured());
    const { code, out, err } = await doctor('prod', '--json');
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([code, err]).toEqual([7, '']);
    expect(lines[0]).toMatchObject({ type: 'probe', probe: 'credentials', status: 'pass' });
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      name: 'prod',
      diagnosis: { schema: 'gabarit.store-diagnosis/1', causes: ['region'], works: true, changes: ['region'] },
    });
    expect(out).not.toContain(server.secretKey);
  });

  it.each([
    [['./folder'], 'There is nothing to try out about'],
    [['nowhere'], 'No store nowhere is configured'],
    [['https://s3.mirror.example'], 'names no bucket'],
    [['s3://templates', '--access-key', 'env:X', '--secret-key', 'hunter2'], 'never the key itself'],
    [['s3://templates', '--secret-key', 'env:X'], 'go together'],
    [['s3://templates', '--endpoint', 's3.mirror.example'], 'It must be a URL'],
    [['s3://templates', '--as', 'Not A Name'], 'It must be a lower-case word'],
  ])('refuses %j', async (argv, message) => {
    await configure('');
    const { code, err } = await doctor(...argv);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).not.toContain('hunter2');
    expect(server.requests).toEqual([]);
  });
});

describe('gabarit store sweep', () => {
  const hourMs = 3_600_000;

  /** An upload that was begun so long ago, got one part, and was left. */
  async function leave(key: string, hoursAgo: number): Promise<void> {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - hoursAgo * hourMs });
    const credentials = { accessKeyId: server.accessKey, secretAccessKey: server.secretKey };
    const client = new S3Client({ endpoint: server.url, region: server.region, forcePathStyle: true, credentials });
    const upload = { Bucket: 'templates', Key: key };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload));
    await client.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: Buffer.alloc(3 * 2 ** 20) }));
    client.destroy();
    vi.useRealTimers();
  }

  const left = (): string[] =>
    server
      .uploads('templates')
      .map(({ key }) => key)
      .toSorted();

  beforeEach(async () => {
    server.region = 'us-east-1';
    await configure(configured());
  });
  afterEach(() => vi.useRealTimers());

  it('removes what nobody went on with, below the templates of the store only', async () => {
    await leave('gabarit/templates/d/old', 25);
    await leave('gabarit/templates/d/young', 3);
    await leave('gabarit/elsewhere/old', 25);
    await leave('templates/d/old', 25);
    const all = left();
    const dry = await store('sweep', 'prod', '--dry-run');
    expect(dry.code).toBe(0);
    expect(dry.out).toMatch(
      /^ {2}templates\/d\/old {2}begun \d{4}-\d\d-\d\d \d\d:\d\d {2}last part .* 3\.00 MiB\n1 unfinished upload, 3\.00 MiB would be removed; leave out --dry-run to do it\n$/,
    );
    expect(left()).toEqual(all);
    const { code, out } = await store('sweep', 'prod', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      schema: 'gabarit.store-sweep/1',
      url: 's3://templates/gabarit',
      dryRun: false,
      uploads: [{ key: 'templates/d/old', parts: 1, bytes: 3 * 2 ** 20 }],
      bytes: 3 * 2 ** 20,
    });
    expect(left()).toEqual(all.filter((key) => key !== 'gabarit/templates/d/old'));
    expect((await store('sweep', 'prod')).out).toBe('There are no unfinished uploads to remove in s3://templates/gabarit\n');
    expect((await store('sweep', 'prod', '--older-than', '2')).out).toMatch(/\n1 unfinished upload, 3\.00 MiB removed\n$/);
    expect(left()).toEqual(['gabarit/elsewhere/old', 'templates/d/old']);
  });

  it('says which right is lacking', async () => {
    server.deny = new Set(['list']);
    const { code, err } = await store('sweep', 'prod');
    expect([code, err]).toEqual([7, expect.stringContaining('lack the right s3:ListBucketMultipartUploads')]);
  });

  it.each([
    [['./folder'], 'only S3 has them'],
    [['nowhere'], 'No store nowhere is configured'],
    [['prod', '--older-than', '0'], 'at least 1'],
    [['prod', '--older-than', '1.5'], 'a whole number of hours'],
  ])('refuses %j', async (argv, message) => {
    const { code, err } = await store('sweep', ...argv);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    expect(server.requests).toEqual([]);
  });
});
