import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { answersRequest } from '../../../../test/answers-request.ts';
import { needs } from '../../../../test/tools.ts';
import { AppError } from '../../../util/errors.ts';
import { exec } from '../../../util/exec.ts';
import type { AnsweredInstaller } from './answers.ts';
import { kickstartText } from './kickstart-lines.ts';
import { preseedText } from './preseed-lines.ts';
import { renderAnswers } from './render-answers.ts';

/** Values that want to be more than values come back unchanged through each format's own parser, or are refused. */

const nasty = [
  '',
  ' ',
  '#',
  '"',
  "'",
  '\\',
  '$(id)',
  '`id`',
  '${x}',
  '%end',
  '%include /etc/shadow',
  '</source>',
  ']]>',
  '&amp;',
  '<!--',
  '- a: b',
  '!!js/x',
  '*a',
  '&a',
  'd-i',
  '\\\\',
  'a\\',
  'a\nb',
  'a\r',
  '\u0000',
  '\u0085',
  '\u2028',
  'ü',
  '🎉',
  '--foo=',
  'a # b',
  "it's",
  'a "b" c',
  'yes',
  'null',
  '0x10',
  '{}',
  '[',
  '|',
  '>',
];
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 24 }),
  fc.array(fc.constantFrom(...nasty, 'x'), { maxLength: 5 }).map((parts) => parts.join('')),
);
const values = fc.sample(hostile, { numRuns: 300, seed: 12 });

/** The text that a serializer makes, or undefined where it refuses the value. */
function written(make: () => string): string | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostile-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('enough of them are carried, and enough refused', () => {
  const carried = values.filter(
    (value) => written(() => preseedText([{ owner: 'd-i', question: 'a/b', type: 'string', value }])) !== undefined,
  );
  expect(carried.length).toBeGreaterThan(150);
  expect(carried.length).toBeLessThan(values.length - 20);
});

describe.skipIf(needs('debconf-set-selections', 'debconf-communicate'))('preseed, through debconf', () => {
  test('every answer comes back unchanged', async () => {
    const carried: string[] = [];
    let file = '';
    for (const value of values) {
      const line = written(() =>
        preseedText([{ owner: 'd-i', question: `hostile/value${carried.length}`, type: 'string', value }]),
      );
      if (line === undefined) continue;
      carried.push(value);
      file += line;
    }
    await writeFile(join(folder, 'preseed.cfg'), file);
    const database = (name: string): string => `\nName: ${name}\nDriver: File\nFilename: ${join(folder, name)}\n`;
    const settings = join(folder, 'debconf.conf');
    await writeFile(settings, `Config: answers\nTemplates: questions\n${database('answers')}${database('questions')}`);
    const env = { DEBCONF_SYSTEMRC: settings, DEBIAN_FRONTEND: 'noninteractive' };
    await exec(['debconf-set-selections', join(folder, 'preseed.cfg')], { env });
    const ask = carried.map((_, index) => `get hostile/value${index}\n`).join('');
    const { stdout } = await exec(['debconf-communicate', 'test'], { env, input: ask });
    // "0 " says that all is well; debconf itself takes blanks from the end of a line.
    const answers = stdout
      .split('\n')
      .slice(0, carried.length)
      .map((line) => line.replace(/^0 ?/, ''));
    expect(answers).toEqual(carried);
  });
});

describe.skipIf(needs('python3'))('kickstart, through a POSIX shell parser (which pykickstart uses)', () => {
  test('every word comes back unchanged', async () => {
    const carried: string[] = [];
    const lines: string[] = [];
    for (const value of values) {
      const line = written(() => kickstartText([{ name: 'word', words: [value] }], []));
      if (line === undefined) continue;
      carried.push(value);
      lines.push(line.slice(0, -1));
    }
    const program = 'import json,shlex,sys; print(json.dumps([shlex.split(l, comments=True) for l in json.load(sys.stdin)]))';
    const { stdout } = await exec(['python3', '-c', program], { input: JSON.stringify(lines) });
    expect(JSON.parse(stdout)).toEqual(carried.map((value) => ['word', value]));
  });

  test('a line that would end a section is refused', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('%end', ' %post --nochroot', '%include /etc/shadow', '\t%packages'),
        fc.string(),
        (begin, rest) => {
          expect(() => kickstartText([], [{ name: '%post', options: [], lines: [`${begin} ${rest}`] }])).toThrow(RangeError);
        },
      ),
    );
  });
});

/** Where each format has the description, which may be any one line, and the build's key. */
const readers: Record<Extract<AnsweredInstaller, 'subiquity' | 'autoyast'>, (text: string) => Promise<string>> = {
  subiquity: async (text) => {
    const { autoinstall } = parse(text) as { autoinstall: { packages: string[] } };
    return autoinstall.packages[0] ?? '';
  },
  autoyast: async (text) => {
    const path = join(folder, 'autoinst.xml');
    await writeFile(path, text);
    const xpath = 'string(//*[local-name()="package"][3])';
    return (await exec(['xmllint', '--xpath', xpath, path])).stdout.replace(/\n$/, '');
  },
};

describe.skipIf(needs('xmllint'))('YAML and XML, through their parsers', () => {
  test.each(['subiquity', 'autoyast'] as const)('%s: every value comes back unchanged', async (installer) => {
    const sample = installer === 'autoyast' ? values.slice(0, 60) : values;
    let refused = 0;
    for (const value of sample.filter((text) => text.trim() !== '' && text.isWellFormed())) {
      try {
        const { files } = renderAnswers(answersRequest(installer, { packages: [value] }));
        expect(await readers[installer](files[0]?.text ?? '')).toBe(value);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        expect(error).toMatchObject({ code: 'TEMPLATE_INVALID', message: expect.stringContaining('cannot carry') as string });
        refused += 1;
      }
    }
    expect(refused).toBeLessThan(sample.length / 2);
  });
});

test.each(['debian-installer', 'anaconda', 'subiquity', 'autoyast'] as const)(
  '%s: a key that wants to be a command stays a word of the shell',
  async (installer) => {
    const marker = join(folder, 'ran');
    const publicKey = `ssh-ed25519 AAAA ';touch ${marker};' "$(touch ${marker})" \`touch ${marker}\``;
    const { files } = renderAnswers(answersRequest(installer, { publicKey, mirror: undefined }));
    const text = files[0]?.text ?? '';
    // The line that writes the key, run with a root of our own.
    const plain = text.replaceAll('&apos;', "'").replaceAll('&quot;', '"').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    const command =
      installer === 'subiquity'
        ? (parse(text) as { autoinstall: { 'late-commands': string[] } }).autoinstall['late-commands'][1]
        : /printf '%s\\n' .*authorized_keys/.exec(plain)?.[0];
    const line = (command?.split('; chmod')[0] ?? '').replace(/>\S*authorized_keys/, `>${join(folder, 'keys')}`);
    await exec(['sh', '-c', line]);
    const { stdout } = await exec(['cat', join(folder, 'keys')]);
    expect(stdout).toBe(`${publicKey}\n`);
    await expect(exec(['ls', marker])).rejects.toThrow();
  },
);
