import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { jsonRenderer } from '../src/cli/render/json.ts';
import { plainRenderer } from '../src/cli/render/plain.ts';
import { runCommand } from '../src/cli/run.ts';
import { styleFor } from '../src/cli/style.ts';
import { parseImageReference } from '../src/model/image-reference.ts';
import { readCredential } from '../src/util/credential.ts';
import { AppError } from '../src/util/errors.ts';
import { EventBus } from '../src/util/events.ts';
import { exec, killGroup, start } from '../src/util/exec.ts';
import { forgetSecrets, holdsSecret } from '../src/util/redact.ts';
import { formsOf } from '../src/util/secret-forms.ts';
import { fakeApp } from './fakes/app.ts';
import { writeOutputFolder } from './fakes/output-folder.ts';

/** Ten thousand secrets, read as secrets are read, and then everywhere: none may be seen outside. */

const count = 10_000;
/** Not registered: what proves that these tests see what is printed. */
const control = 'a-text-that-is-no-secret';
/** Secrets of several kinds: random words, passwords with odd characters, long tokens. */
const secrets = Array.from({ length: count }, (_, at) => {
  const random = createHash('sha256').update(`secret ${at}`).digest('base64');
  return (
    [random.slice(0, 20), `pä§"\\<&'${random.slice(0, 12)} %`, `AKIA${random.slice(0, 16).toUpperCase()}`, random + random][
      at % 4
    ] ?? random
  );
});

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'redaction-'));
  const variables = Object.fromEntries(secrets.map((secret, at) => [`SECRET_${at}`, secret]));
  for (let at = 0; at < count; at += 1) {
    // Some lie in files.
    if (at % 100 === 0) await writeFile(join(folder, 'secret'), `${secrets[at]}\n`);
    await readCredential(at % 100 === 0 ? `file:${join(folder, 'secret')}` : `env:SECRET_${at}`, variables);
  }
  await rm(join(folder, 'secret'));
});
afterEach(async () => {
  forgetSecrets();
  await rm(folder, { recursive: true });
});

/** Whether something of a secret can still be read: looked for by plain means, not by those that removed it. */
function leaks(text: string): string[] {
  const words = new Set(text.split(/[\s",:;()=|]+/));
  const found = secrets.flatMap((secret) => [...formsOf(secret)].filter((form) => words.has(form)));
  // And all of them, anywhere, for a sample.
  for (let at = 0; at < count; at += 97) {
    const secret = secrets[at] ?? '';
    if (text.includes(secret)) found.push(secret);
  }
  return found;
}

test('events and logs show none, in any form, wherever they stand', () => {
  const bus = new EventBus();
  let shown = '';
  const sink = { write: (text: string) => (shown += text) };
  const renderers = [jsonRenderer(sink), plainRenderer(sink, { style: styleFor(false), verbose: true, several: true })];
  for (const renderer of renderers) bus.listen((event) => renderer.handle(event));
  const emit = bus.emitter('debian-12');
  for (const [at, secret] of secrets.entries()) {
    const forms = [...formsOf(secret)];
    const form = forms[at % forms.length] ?? secret;
    const basic = Buffer.from(`user:${secret}`).toString('base64');
    emit({ type: 'log', level: 'info', message: `Authorization: Basic ${basic} for ${form}`, source: 'script' });
    emit({
      type: 'step.failed',
      step: secret,
      durationMs: 1,
      message: `https://user:${encodeURIComponent(secret)}@host/ said ${secret}`,
    });
    emit({
      type: 'verdict',
      check: 'x',
      title: secret,
      status: 'fail',
      message: JSON.stringify({ password: secret }),
      subject: form,
    });
  }
  emit({ type: 'log', level: 'warn', message: control });
  for (const renderer of renderers) renderer.close();
  expect(shown.split(control)).toHaveLength(3);
  expect(shown.length).toBeGreaterThan(count * 200);
  expect(leaks(shown)).toEqual([]);
});

test('answers and errors of commands show none, to people nor programs', async () => {
  for (const json of [true, false]) {
    let shown = '';
    const sink = { write: (text: string) => (shown += text) };
    const io = { stdout: sink, stderr: sink, environment: {}, createApp: async () => fakeApp() };
    const code = await runCommand({ color: false, json, verbose: true }, io, async ({ answer }) => {
      answer({ secrets, control }, () => `${secrets.join('\n')}\n${control}\n`);
      throw new AppError('STORE_FAILED', `refused ${secrets[1]}`, {
        hint: `try ${secrets[2]}`,
        faults: secrets.slice(0, 100).map((secret) => ({ message: secret, file: secret, hint: secret })),
        details: { lastLines: secrets, argv: secrets },
        cause: new Error(secrets[3]),
      });
    });
    expect(code).toBe(7);
    expect(shown).toContain(control);
    expect(leaks(shown)).toEqual([]);
    const bug = await runCommand({ color: false, json }, io, () => Promise.reject(new TypeError(`bug ${secrets[5]}`)));
    expect([bug, leaks(shown)]).toEqual([1, []]);
  }
});

describe('child processes', () => {
  test('may print them, in pieces too: nobody sees it', async () => {
    const bus = new EventBus();
    let shown = '';
    bus.listen((event) => (shown += JSON.stringify(event)));
    const emit = bus.emitter();
    const lines = secrets.slice(0, 2000).map((secret) => `said ${secret} ${Buffer.from(secret).toString('hex')}`);
    // One line of two megabytes, which is passed on in pieces, and the same as lines; each write ends in the middle of a secret.
    const input = `${lines.join(' ').repeat(8)}\n${lines.join('\n')}\n${control}\n`;
    await writeFile(join(folder, 'text'), input);
    await exec(['dd', `if=${join(folder, 'text')}`, 'bs=4099', 'status=none'], {
      onLine: (line, source) => emit({ type: 'log', level: 'info', message: line, source }),
      stdout: 'lines',
    });
    expect(shown).toContain(control);
    expect(leaks(shown)).toEqual([]);
    const failed: unknown = await exec(['sh', '-c', `tail -n 20 ${join(folder, 'text')} >&2; exit 3`]).catch(
      (error: unknown) => error,
    );
    const { errorText, errorJson } = await import('../src/cli/render/error.ts');
    const told = errorText(failed, styleFor(false), true) + JSON.stringify(errorJson(failed));
    expect(told).toContain('exit code 3');
    expect(leaks(told)).toEqual([]);
  });

  test('get none by their arguments, which everybody can read', async () => {
    for (const secret of secrets.slice(0, 400)) {
      for (const form of [secret, `--password=${secret}`, `https://x:${encodeURIComponent(secret)}@host/`])
        expect(() => start(['sleep', form])).toThrow('holds a secret');
    }
    // What is handed over by standard input is not in the list of processes.
    const child = start(['cat']);
    child.stdin?.on('error', () => undefined); // It is killed while it reads.
    child.stdout?.resume();
    try {
      child.stdin?.write(secrets.join('\n'));
      const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
      const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
      expect(commands).toContain('cat\0');
      expect(leaks(commands.join('\n').replaceAll('\0', ' '))).toEqual([]);
    } finally {
      await killGroup(child, 1);
    }
  });
});

test('what is signed and published holds none: neither those of the configuration nor the signing key', async () => {
  const { signal } = new AbortController();
  const environment = { GABARIT_KEYS: join(folder, 'keys'), GABARIT_STATE: join(folder, 'state'), HOME: folder };
  const app = await createApp({ cacheDir: join(folder, 'cache') }, environment);
  const { path } = await app.keys.make();
  const output = await writeOutputFolder(join(folder, 'out'), 'debian-12', '20261123.1');
  await app.publish(output, join(folder, 'store'), {}, signal);
  await app.verifyPublished(parseImageReference('debian-12'), join(folder, 'store'), { quick: false }, signal);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const holding: string[] = [];
  for (const { parentPath, name } of files) {
    const file = join(parentPath, name);
    if (holdsSecret(await readFile(file, 'utf8'))) holding.push(file);
  }
  expect(files.length).toBeGreaterThan(15);
  expect(holding).toEqual([path]);
});
