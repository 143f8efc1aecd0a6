import { Alert, Button, Group, List, Skeleton, Stack, Text } from '@mantine/core';
import { IconAlertCircle } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client.ts';
import classes from './states.module.css';

/** What went wrong, in the server's own words, with what to do about it. */
export function ErrorBox({ error, onRetry }: { error: Error; onRetry?: () => void }): ReactElement {
  const { t } = useTranslation();
  const refusal = error instanceof ApiError ? error.refusal : undefined;
  const isUnreachable = refusal?.code === 'UNREACHABLE';
  const hint = isUnreachable ? t('errors.unreachableHint') : refusal?.hint;
  return (
    <Alert
      role="alert"
      variant="outline"
      color="red"
      icon={<IconAlertCircle aria-hidden />}
      title={isUnreachable ? t('errors.unreachable') : (refusal?.message ?? error.message)}
      classNames={{ root: classes['error'] ?? '', title: classes['errorTitle'] ?? '' }}
    >
      <Stack gap="xs">
        {refusal?.faults && refusal.faults.length > 0 && (
          <List size="sm">
            {refusal.faults.map((fault) => (
              <List.Item key={JSON.stringify(fault)}>
                {fault.line !== undefined && <code>{`${fault.line}:${fault.column ?? 1} `}</code>}
                {fault.message}
                {fault.hint !== undefined && <Text size="sm">{fault.hint}</Text>}
              </List.Item>
            ))}
          </List>
        )}
        {hint !== undefined && <Text size="sm">{hint}</Text>}
        <Group gap="md">
          {refusal && <code>{refusal.code}</code>}
          {onRetry && (
            <Button size="xs" variant="default" onClick={onRetry}>
              {t('errors.retry')}
            </Button>
          )}
        </Group>
      </Stack>
    </Alert>
  );
}

/** Nothing there yet: says so, and what to do next. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }): ReactElement {
  return (
    <div className={classes['empty']}>
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text size="sm" c="dimmed" maw="36rem">
          {children}
        </Text>
      )}
      {action}
    </div>
  );
}

export function Loading({ rows = 6 }: { rows?: number }): ReactElement {
  const { t } = useTranslation();
  return (
    <Stack gap="xs" aria-busy="true" role="status" aria-label={t('common.loading')}>
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={28} />
      ))}
    </Stack>
  );
}

/** One of the three that a question to the server can be in: waiting, refused, answered. */
export function Answer<T>({ query, children }: { query: UseQueryResult<T>; children: (data: T) => ReactNode }): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <ErrorBox error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading />;
}
