import { Alert, Group, Text } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiJobDetail } from '../../../src/model/api/jobs.ts';
import { ApiError } from '../../api/client.ts';
import { TextLink } from '../../components/links.tsx';
import { ErrorBox } from '../../components/states.tsx';
import { aboutOf } from '../jobs/job-title.ts';

/** How it ended, and where to go from there. */
export function JobOutcome({ job }: { job: ApiJobDetail }): ReactElement | null {
  const { t } = useTranslation();
  if (job.error && job.state !== 'done') return <ErrorBox error={new ApiError(0, job.error)} />;
  if (job.state !== 'done') return null;
  const { request, result } = job;
  const published = result?.published;
  const title = result?.outcome === 'unchanged' ? t('job.unchanged') : t(`job.done.${request.kind}`);
  return (
    <Alert variant="outline" color="green" icon={<IconCircleCheck aria-hidden />} title={title} role="status">
      <Group gap="md">
        {result?.version !== undefined && (
          <Text size="sm">{t('job.version', { template: aboutOf(request), version: result.version })}</Text>
        )}
        {published && (
          <TextLink
            to="/images/$template/$version"
            params={{ template: published.template, version: published.version }}
            size="sm"
            fw={600}
          >
            {t('job.toImage')}
          </TextLink>
        )}
        {!published && request.kind === 'build' && <Text size="sm">{t('job.notPublished')}</Text>}
      </Group>
    </Alert>
  );
}
