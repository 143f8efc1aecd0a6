import { Button, Group, Menu } from '@mantine/core';
import { IconChevronDown, IconPlayerStop, IconRefresh } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiJobDetail } from '../../../src/model/api/jobs.ts';
import { useChange } from '../../api/change.ts';
import { useMay } from '../../api/session.ts';
import { announce } from '../../components/announce.ts';
import { isActive } from '../jobs/job-status.tsx';

/** Stop it, go on, or do it again. */
export function JobActions({ job }: { job: ApiJobDetail }): ReactElement | null {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const onError = (error: Error): void => announce(error.message);
  const show = ({ id }: { id: string }): void => void navigate({ to: '/jobs/$job', params: { job: id } });
  const cancel = useChange('POST /jobs/:job/cancel', ['GET /jobs/:job', 'GET /jobs'], () => announce(t('job.cancelled')));
  const retry = useChange('POST /jobs/:job/retry', ['GET /jobs/:job', 'GET /jobs'], show);
  const again = useChange('POST /jobs', ['GET /jobs'], show);
  if (!may('builder')) return null;
  const params = { job: job.id };
  if (isActive(job)) {
    return (
      <Button
        variant="default"
        leftSection={<IconPlayerStop size={16} aria-hidden />}
        loading={cancel.isPending}
        disabled={job.cancelRequested}
        onClick={() => cancel.mutate({ params }, { onError })}
      >
        {t('job.cancel')}
      </Button>
    );
  }
  const { request } = job;
  const canRetry = job.state !== 'done';
  if (!canRetry && request.kind !== 'build') return null;
  return (
    <Group gap="xs">
      {canRetry && (
        <Button
          leftSection={<IconRefresh size={16} aria-hidden />}
          loading={retry.isPending}
          onClick={() => retry.mutate({ params, body: {} }, { onError })}
        >
          {t('job.retry')}
        </Button>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" rightSection={<IconChevronDown size={14} aria-hidden />}>
            {t('common.more')}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {canRetry &&
            job.steps.map(({ step, title }) => (
              <Menu.Item key={step} onClick={() => retry.mutate({ params, body: { from: step } }, { onError })}>
                {t('job.retryFrom', { step: title })}
              </Menu.Item>
            ))}
          {request.kind === 'build' && (
            <>
              <Menu.Item onClick={() => again.mutate({ body: { request: builtAgain(request, false) } }, { onError })}>
                {t('job.again')}
              </Menu.Item>
              <Menu.Item onClick={() => again.mutate({ body: { request: builtAgain(request, true) } }, { onError })}>
                {t('job.fromStart')}
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}

type BuildRequest = Extract<ApiJobDetail['request'], { kind: 'build' }>;

function builtAgain({ template, formats, verify, publish }: BuildRequest, force: boolean) {
  return {
    kind: 'build' as const,
    template,
    force,
    ...(formats ? { formats } : {}),
    ...(verify === undefined ? {} : { verify }),
    ...(publish ? { publish } : {}),
  };
}
