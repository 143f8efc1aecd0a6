import type { Finding, Rootfs } from '../model/check.ts';
import { dropIns, statements, textAt } from './shared/config-text.ts';
import { familyOf } from './shared/family.ts';
import { fail, stepCheck } from './shared/step-check.ts';

export const packageSources = stepCheck(
  'base',
  'package-sources',
  'Package sources are those of the template, signed, without proxy',
  async ({ rootfs, plan }) => ((await familyOf(rootfs)) === 'apt' ? aptFindings(rootfs, plan.guestSources) : rpmFindings(rootfs)),
);

async function aptFindings(rootfs: Rootfs, guestSources: string): Promise<Finding[]> {
  const findings = [];
  const wanted = statements(guestSources);
  const found: string[] = [];
  for (const file of await dropIns(rootfs, ['/etc/apt/sources.list.d'], '.sources')) {
    const text = await textAt(rootfs, file);
    found.push(...statements(text));
    for (const stanza of text.split(/\n\s*\n/).filter((part) => statements(part).length > 0)) {
      if (!/^Signed-By:/im.test(stanza)) findings.push(fail(`${file} has a source without Signed-By`));
      if (/^(Trusted|Allow-Insecure):\s*yes/im.test(stanza)) findings.push(fail(`${file} has a source that needs no signature`));
    }
  }
  for (const line of wanted) if (!found.includes(line)) findings.push(fail(`/etc/apt/sources.list.d lacks "${line}"`));
  const oneLine = ['/etc/apt/sources.list', ...(await dropIns(rootfs, ['/etc/apt/sources.list.d'], '.list'))];
  for (const file of oneLine) {
    for (const line of statements((await rootfs.readText(file)) ?? '')) {
      if (!/\[[^\]]*signed-by=/i.test(line) || /trusted=yes/i.test(line))
        findings.push(fail(`${file} has a source without a key of its own: ${line}`));
    }
  }
  for (const file of [
    '/etc/apt/apt.conf',
    ...(await rootfs.list('/etc/apt/apt.conf.d')).map((name) => `/etc/apt/apt.conf.d/${name}`),
  ]) {
    const text = (await rootfs.readText(file)) ?? '';
    if (
      statements(text).some(
        (line) => /Proxy|Verify-(Peer|Host)|AllowUnauthenticated|Check-Valid-Until/i.test(line) && !line.startsWith('//'),
      )
    ) {
      findings.push(fail(`${file} has a proxy, or switches a safeguard of apt off`));
    }
  }
  return findings;
}

const off = /^(0|no|false|off)$/i;

/** dnf's and zypper's repositories are the vendor's own; nothing of the build may be in them. */
async function rpmFindings(rootfs: Rootfs): Promise<Finding[]> {
  const findings: Finding[] = [];
  const repositories = await dropIns(rootfs, ['/etc/yum.repos.d', '/etc/zypp/repos.d'], '.repo');
  const files = ['/etc/dnf/dnf.conf', '/etc/yum.conf', '/etc/zypp/zypp.conf', ...repositories];
  let enabled = 0;
  for (const file of files) {
    for (const section of ((await rootfs.readText(file)) ?? '').split(/^(?=\[)/m)) {
      const values = new Map(
        statements(section).map((line) => [line.split('=')[0]?.trim().toLowerCase(), line.split('=').slice(1).join('=').trim()]),
      );
      const name = /^\[([^\]]+)\]/.exec(section)?.[1] ?? '';
      if (repositories.includes(file) && name !== '' && !off.test(values.get('enabled') ?? '1')) enabled++;
      if (values.has('proxy') && values.get('proxy') !== '_none_') findings.push(fail(`${file} has a proxy in [${name}]`));
      for (const key of ['gpgcheck', 'pkg_gpgcheck', 'sslverify'])
        if (off.test(values.get(key) ?? '1')) findings.push(fail(`${file} switches ${key} off in [${name}]`));
    }
  }
  if (enabled === 0) findings.push(fail('no repository is enabled: the machine could never be updated'));
  return findings;
}
