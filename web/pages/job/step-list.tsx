import { Progress, Text } from '@mantine/core';
import { type ReactElement, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiJobDetail, ApiStep } from '../../../src/model/api/jobs.ts';
import { type Format, useFormat } from '../../components/format.ts';
import { Section } from '../../components/section.tsx';
import { StatusMark, type Tone } from '../../components/status.tsx';
import classes from './step-list.module.css';

const tones: Record<ApiStep['state'], Tone> = { running: 'busy', done: 'ok', reused: 'skipped', failed: 'bad' };

export function StepList({ job }: { job: ApiJobDetail }): ReactElement {
  const { t } = useTranslation();
  const running = job.steps.find(({ state }) => state === 'running');
  const said = running ? t('job.working', { step: running.title }) : t(`jobs.states.${job.state}`);
  return (
    <Section title={t('job.steps')}>
      <Text className="unseen" role="status">
        {said}
      </Text>
      {job.steps.length === 0 && <Text size="sm">{job.state === 'queued' ? t('job.waiting') : t('job.noSteps')}</Text>}
      <ol className={classes['steps']}>
        {job.steps.map((step) => (
          <StepLine key={step.step} step={step} progress={job.progress?.step === step.step ? job.progress : undefined} />
        ))}
      </ol>
    </Section>
  );
}

function StepLine({ step, progress }: { step: ApiStep; progress: ApiJobDetail['progress'] }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const elapsed = useElapsed(step);
  const share = progress?.total ? Math.min(100, (progress.done / progress.total) * 100) : undefined;
  return (
    <li className={classes['step']} aria-current={step.state === 'running' ? 'step' : undefined}>
      <StatusMark tone={tones[step.state]} label={t(`job.stepStates.${step.state}`)} />
      <span className={classes['title']}>
        {step.title}
        {step.note !== undefined && <small className={classes['note']}>{step.note}</small>}
        {step.message !== undefined && <small className={classes['failure']}>{step.message}</small>}
        {step.state === 'running' && (
          <>
            <Progress
              value={share ?? 100}
              animated={share === undefined}
              size="sm"
              aria-label={t('job.progressOf', { step: step.title })}
            />
            {progress && <small className={classes['note']}>{amount(progress, format)}</small>}
          </>
        )}
      </span>
      <span className="number">
        {step.state === 'reused' ? t('job.reused') : elapsed === undefined ? '' : format.duration(elapsed)}
      </span>
    </li>
  );
}

function amount({ done, total, unit, note }: NonNullable<ApiJobDetail['progress']>, format: Format): string {
  const text = (value: number): string => (unit === 'bytes' ? format.bytes(value) : format.number(value));
  return [total === undefined ? text(done) : `${text(done)} / ${text(total)}`, note].filter(Boolean).join(' · ');
}

/** Milliseconds, counted by the page while a step runs. */
function useElapsed({ state, started, durationMs }: ApiStep): number | undefined {
  const [now, setNow] = useState(Date.now);
  const isRunning = state === 'running';
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  if (!isRunning) return durationMs;
  return started === undefined ? undefined : Math.max(0, now - Date.parse(started));
}
