import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Status, type Tone } from './status.tsx';

type Verdict = 'pass' | 'fail' | 'warn' | 'skip';

export const verdictTones: Record<Verdict, Tone> = { pass: 'ok', fail: 'bad', warn: 'warn', skip: 'skipped' };

export function VerdictStatus({ status }: { status: Verdict }): ReactElement {
  const { t } = useTranslation();
  return <Status tone={verdictTones[status]}>{t(`verdicts.${status}`)}</Status>;
}
