import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiJob } from '../../../src/model/api/jobs.ts';
import { Status, type Tone } from '../../components/status.tsx';

const tones: Record<ApiJob['state'], Tone> = {
  queued: 'waiting',
  running: 'busy',
  done: 'ok',
  failed: 'bad',
  cancelled: 'stopped',
};

export function isActive({ state }: Pick<ApiJob, 'state'>): boolean {
  return state === 'queued' || state === 'running';
}

export function JobStatus({ job }: { job: Pick<ApiJob, 'state' | 'cancelRequested'> }): ReactElement {
  const { t } = useTranslation();
  const { state, cancelRequested } = job;
  if (isActive(job) && cancelRequested) return <Status tone="waiting">{t('jobs.cancelling')}</Status>;
  return <Status tone={tones[state]}>{t(`jobs.states.${state}`)}</Status>;
}
