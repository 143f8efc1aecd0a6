import { Select, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { type ReactElement, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiJob } from '../../../src/model/api/jobs.ts';
import { ask } from '../../api/ask.ts';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { useFormat } from '../../components/format.ts';
import { Page } from '../../components/page.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';
import { JobStatus } from './job-status.tsx';
import { aboutOf } from './job-title.ts';
import { ButtonLink, TextLink } from '../../components/links.tsx';

const route = getRouteApi('/inside/jobs');
const states = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;

export function JobsPage(): ReactElement {
  const { t } = useTranslation();
  const navigate = useNavigate({ from: '/jobs' });
  const search = route.useSearch();
  const state = states.find((known) => known === search.state);
  const query = useQuery(ask('GET /jobs', { query: { limit: 500, ...(state === undefined ? {} : { state }) } }, { every: 3000 }));
  return (
    <Page title={t('jobs.title')} lead={t('jobs.lead')} actions={<ButtonLink to="/build">{t('build.title')}</ButtonLink>}>
      <Select
        label={t('catalog.state')}
        placeholder={t('catalog.anyState')}
        data={states.map((value) => ({ value, label: t(`jobs.states.${value}`) }))}
        value={state ?? null}
        onChange={(next) => void navigate({ search: { state: next ?? undefined }, replace: true })}
        clearable
        maw={220}
      />
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t('jobs.none')} action={<ButtonLink to="/build">{t('build.title')}</ButtonLink>}>
              {t('jobs.noneHint')}
            </Empty>
          ) : (
            <JobsTable jobs={items} />
          )
        }
      </Answer>
    </Page>
  );
}

function JobsTable({ jobs }: { jobs: ApiJob[] }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo(
    (): Column<ApiJob>[] => [
      {
        id: 'job',
        header: t('jobs.job'),
        width: 'minmax(11rem, 2fr)',
        value: ({ title }) => title,
        cell: ({ id, request }) => (
          <TextLink to="/jobs/$job" params={{ job: id }} size="sm" fw={550}>
            {t(`job.titles.${request.kind}`, { about: aboutOf(request) })}
          </TextLink>
        ),
      },
      {
        id: 'state',
        header: t('catalog.state'),
        width: 'minmax(7rem, 1fr)',
        value: ({ state }) => state,
        cell: (job) => <JobStatus job={job} />,
      },
      {
        id: 'step',
        header: t('jobs.step'),
        width: 'minmax(8rem, 2fr)',
        cell: ({ step, error, state, result }) => (
          <Text size="sm" truncate title={error?.message}>
            {error?.message ?? (state === 'running' ? step : result?.version) ?? ''}
          </Text>
        ),
        wideOnly: true,
      },
      {
        id: 'by',
        header: t('jobs.by'),
        width: 'minmax(5rem, 1fr)',
        value: ({ requestedBy }) => requestedBy,
        cell: ({ requestedBy }) => requestedBy,
        wideOnly: true,
      },
      {
        id: 'created',
        header: t('jobs.created'),
        width: '8rem',
        value: ({ created }) => created,
        cell: ({ created }) => <When time={created} />,
        wideOnly: true,
      },
      {
        id: 'duration',
        header: t('jobs.duration'),
        width: '6.5rem',
        align: 'end',
        cell: ({ started, finished }) =>
          started !== undefined &&
          finished !== undefined && <span className="number">{format.duration(Date.parse(finished) - Date.parse(started))}</span>,
        wideOnly: true,
      },
    ],
    [t, format],
  );
  return <DataTable label={t('jobs.title')} rows={jobs} rowKey={({ id }) => id} columns={columns} />;
}
