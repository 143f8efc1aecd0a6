import { expect, it } from 'vitest';
import { type HostFact, reportOf } from '../../model/host.ts';
import { styleFor } from '../style.ts';
import { hostText } from './host.ts';

const fact = (id: string, neededFor: HostFact['neededFor'], status: HostFact['status']): HostFact => ({
  id,
  title: id,
  neededFor,
  status,
  found: status === 'ok' ? '/bin/x' : 'missing',
  package: `${id}-package`,
  ...(status === 'ok' ? {} : { hint: 'get it' }),
});
const report = reportOf([fact('tar', 'build', 'fail'), fact('zsh', 'test', 'warn'), fact('fish', 'test', 'ok')]);
const plain = styleFor(false);

it('says in one line what only tests miss, and proposes to install nothing of it', () => {
  expect(hostText(report, plain, {})).toBe(
    `✗ tar                 build  missing
    get it
✓ Tools of the tests  test   1 of 2 missing; "gabarit test" brings them

This host cannot build images. This host can boot and verify them.

Install what is missing:
  apt-get install --no-install-recommends tar-package
`,
  );
});

it('shows each of them when asked for more, and only what is wrong when asked for less', () => {
  expect(hostText(report, plain, { verbose: true })).toContain('! zsh   test   missing\n');
  expect(hostText(report, plain, { quiet: true })).toMatch(/^✗ tar .*\n {4}get it\n\nInstall/);
});
