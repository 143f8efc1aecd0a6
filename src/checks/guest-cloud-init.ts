import type { Finding, GuestCheck } from '../model/check.ts';

/** cloud-init came to its end, without an error and without falling back to no data source at all. */
export const guestCloudInit: GuestCheck = {
  id: 'guest-cloud-init',
  title: 'cloud-init is done, without errors',
  on: 'guest',
  async run(guest) {
    const { stdout } = await guest.run(
      'cloud-init status --wait >/dev/null 2>&1; cloud-init status --long; echo; cat /run/cloud-init/result.json; echo; ' +
        'sed -n "s/.*\\[WARNING\\]: /warning: /p" /var/log/cloud-init.log',
    );
    const status = /^status: (.*)$/m.exec(stdout)?.[1] ?? 'unknown';
    const result = resultOf(stdout);
    const findings: Finding[] = [];
    if (status !== 'done') findings.push({ status: 'fail', message: `cloud-init's status is "${status}"` });
    for (const error of result.errors) findings.push({ status: 'fail', message: `cloud-init reports: ${error}` });
    for (const warning of new Set(stdout.match(/^warning: .*$/gm)))
      findings.push({ status: 'warn', message: `cloud-init ${warning}` });
    if (!/NoCloud/.test(result.datasource)) {
      findings.push({
        status: 'fail',
        message: `cloud-init took its data from ${result.datasource || 'nothing'}, not from the NoCloud seed`,
      });
    }
    return findings;
  },
};

function resultOf(text: string): { datasource: string; errors: string[] } {
  try {
    const { v1 } = JSON.parse(/^\{[^]*?^\}/m.exec(text)?.[0] ?? '') as { v1?: { datasource?: string; errors?: string[] } };
    return { datasource: v1?.datasource ?? '', errors: v1?.errors ?? [] };
  } catch {
    return { datasource: '', errors: ['/run/cloud-init/result.json is missing or broken'] };
  }
}
