import type { Finding, Guest } from '../../model/check.ts';

/** Whether systemd is content once everything has started; each failed unit is named, with the end of its log. */
export async function unitFindings(guest: Guest): Promise<Finding[]> {
  const { stdout } = await guest.run(
    'systemctl is-system-running --wait; for unit in $(systemctl list-units --failed --plain --no-legend | cut -d" " -f1); do ' +
      'echo "failed: $unit"; journalctl -b -u "$unit" -n 4 -o cat --no-pager | sed "s/^/  /"; done',
  );
  const [state = 'unknown', ...rest] = stdout.trimEnd().split('\n');
  const failed = rest
    .join('\n')
    .split(/^failed: /m)
    .filter((text) => text.trim() !== '');
  const findings: Finding[] = failed.map((text) => {
    const [unit = '', ...log] = text.trimEnd().split('\n');
    return {
      status: 'fail',
      message: `${unit} has failed${log.length > 0 ? `: ${log.map((line) => line.trim()).join(' | ')}` : ''}`,
    };
  });
  if (state !== 'running' && findings.length === 0)
    findings.push({ status: 'fail', message: `the system's state is "${state}", not "running"` });
  return findings;
}
