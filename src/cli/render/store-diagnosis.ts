import { stringify } from 'yaml';
import type { GivenSettings } from '../../catalog/diagnose-store.ts';
import type { StoreDiagnosis } from '../../model/store-diagnosis.ts';
import type { Style } from '../style.ts';
import { count } from './words.ts';

export interface ShownDiagnosis {
  name: string;
  /** It is in the configuration already. */
  isConfigured: boolean;
  diagnosis: StoreDiagnosis;
  /** What would be written. */
  settings: Record<string, unknown>;
  /** The file that it was written to. */
  written: string | undefined;
}

/** What the configuration must say: the changes to what is there, or all that is not a default. */
export function settingsToWrite(
  { settings, changes }: StoreDiagnosis,
  given: GivenSettings,
  isConfigured: boolean,
): Record<string, unknown> {
  const changed = Object.fromEntries(changes.map((key) => [key, settings[key]]));
  if (isConfigured) return { ...changed, ...given, ...('region' in changed ? { region: changed['region'] } : {}) };
  const { url, endpoint, region, addressing, signature } = settings;
  const usual = endpoint === undefined ? 'virtual-host' : 'path';
  return {
    url,
    ...(endpoint === undefined ? {} : { endpoint }),
    region,
    ...(addressing === usual ? {} : { addressing }),
    ...(signature === 'v4' ? {} : { signature }),
    ...(given.ca === undefined ? {} : { ca: given.ca }),
    ...(given.credentials === undefined ? {} : { credentials: given.credentials }),
  };
}

/** How it stands, what to do, and the settings that work. The probes themselves were shown as they came. */
export function diagnosisText(shown: ShownDiagnosis, style: Style, quiet: boolean): string {
  const { name, diagnosis, settings, written, isConfigured } = shown;
  const { url, works, probes, leftovers } = diagnosis;
  const lines: string[] = [];
  const left = leftovers.map((key) => style.warning(`${key} could not be deleted: delete it by hand.`));
  if (!works) {
    const bad = probes.filter(({ status }) => status === 'fail');
    lines.push(style.bad(`${url} does not work:`));
    for (const { title, found, hint } of bad)
      lines.push(`  ${title}: ${found}`, ...(hint === undefined ? [] : [`    ${style.faint(hint)}`]));
    return `${[...lines, ...left].join('\n')}\n`;
  }
  const warnings = probes.filter(({ status }) => status === 'warn').length;
  const but = warnings === 0 ? '' : `, with ${count(warnings, 'warning')}`;
  const text = stringify({ stores: { [name]: settings } }, { lineWidth: 0 });
  const isNothing = Object.keys(settings).length === 0;
  if (quiet) return isNothing || written !== undefined ? '' : text;
  if (isNothing) lines.push(style.good(`${url} works as it is configured${but}.`));
  else if (written !== undefined) lines.push(style.good(`${url} works${but}. Written to ${written}:`), '', text.trimEnd());
  else {
    const how = isConfigured ? 'works with these settings instead' : 'works with these settings';
    lines.push(
      style.good(`${url} ${how}${but}:`),
      '',
      text.trimEnd(),
      '',
      'The same command with --write puts them into the configuration file.',
    );
  }
  return `${[...lines, ...left].join('\n')}\n`;
}
