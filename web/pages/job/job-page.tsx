import { Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiJobDetail } from '../../../src/model/api/jobs.ts';
import { ask } from '../../api/ask.ts';
import { useFormat } from '../../components/format.ts';
import { Page } from '../../components/page.tsx';
import { Answer } from '../../components/states.tsx';
import { isActive, JobStatus } from '../jobs/job-status.tsx';
import { aboutOf } from '../jobs/job-title.ts';
import { ConsoleSection } from './console-section.tsx';
import { JobActions } from './job-actions.tsx';
import classes from './job-page.module.css';
import { JobOutcome } from './job-outcome.tsx';
import { LogSection } from './log-section.tsx';
import { StepList } from './step-list.tsx';
import { useJobEvents, useNewsAtEnd } from './use-job-events.ts';

const route = getRouteApi('/inside/jobs/$job');

/** One job, as it happens. */
export function JobPage(): ReactElement {
  const { job } = route.useParams();
  const query = useQuery({
    ...ask('GET /jobs/:job', { params: { job } }),
    // The stream tells of milestones at once; how far a step is, is asked for.
    refetchInterval: ({ state }) => (state.data === undefined || isActive(state.data) ? 1000 : false),
  });
  return <Answer query={query}>{(data) => <Job job={data} />}</Answer>;
}

function Job({ job }: { job: ApiJobDetail }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  useJobEvents(job.id, isActive(job));
  useNewsAtEnd(isActive(job));
  const began = job.started ?? job.created;
  const facts = [
    t('job.by', { name: job.requestedBy }),
    t('job.queuedAt', { time: format.dateTime(job.created) }),
    job.worker === undefined ? undefined : t('job.on', { worker: job.worker }),
    job.attempt > 1 ? t('job.attempt', { count: job.attempt }) : undefined,
    job.finished === undefined
      ? undefined
      : t('job.took', { time: format.duration(Date.parse(job.finished) - Date.parse(began)) }),
  ];
  return (
    <Page
      title={t(`job.titles.${job.request.kind}`, { about: aboutOf(job.request) })}
      beside={<JobStatus job={job} />}
      lead={facts.filter(Boolean).join(' · ')}
      actions={<JobActions job={job} />}
    >
      <JobOutcome job={job} />
      <div className={classes['beside']}>
        <Stack gap="md">
          <StepList job={job} />
        </Stack>
        <Stack gap="md" miw={0}>
          <ConsoleSection job={job.id} active={isActive(job)} />
          <LogSection job={job.id} attempt={job.attempt} active={isActive(job)} />
        </Stack>
      </div>
    </Page>
  );
}
