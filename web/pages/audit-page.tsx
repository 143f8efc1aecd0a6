import { Button, Group, Table, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconLink } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AuditEntry } from '../../src/model/api/access.ts';
import { useChange } from '../api/change.ts';
import { call } from '../api/client.ts';
import { Digest } from '../components/digest.tsx';
import { useFormat } from '../components/format.ts';
import { Page } from '../components/page.tsx';
import { PlainTable } from '../components/plain-table.tsx';
import { Empty, ErrorBox, Loading } from '../components/states.tsx';
import { Status, type Tone } from '../components/status.tsx';

const tones: Record<AuditEntry['outcome'], Tone> = { done: 'ok', refused: 'stopped', failed: 'bad' };

export function AuditPage(): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const [who, setWho] = useState('');
  const [asked] = useDebouncedValue(who.trim(), 300);
  const query = useInfiniteQuery({
    queryKey: ['GET /audit', asked],
    queryFn: ({ pageParam, signal }) =>
      call(
        'GET /audit',
        {
          query: {
            limit: 100,
            ...(asked === '' ? {} : { who: asked }),
            ...(pageParam === undefined ? {} : { cursor: pageParam }),
          },
        },
        { signal },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
  });
  const verify = useChange('POST /audit/verify', []);
  const entries = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const head = [
    t('audit.number'),
    t('audit.time'),
    t('audit.who'),
    t('audit.action'),
    t('audit.on'),
    t('audit.outcome'),
    t('audit.hash'),
  ];
  return (
    <Page
      title={t('audit.title')}
      lead={t('audit.lead')}
      actions={
        <Button
          variant="default"
          leftSection={<IconLink size={16} aria-hidden />}
          loading={verify.isPending}
          onClick={() => verify.mutate({})}
        >
          {t('audit.verify')}
        </Button>
      }
    >
      {verify.data && (
        <div role="status">
          <Status tone={verify.data.ok ? 'ok' : 'bad'}>
            {verify.data.ok
              ? t('audit.whole', { count: verify.data.entries })
              : t('audit.broken', { fault: verify.data.fault ?? '' })}
          </Status>
        </div>
      )}
      {verify.error && <ErrorBox error={verify.error} />}
      <TextInput
        type="search"
        label={t('audit.searchWho')}
        value={who}
        onChange={(event) => setWho(event.currentTarget.value)}
        maw={300}
      />
      {query.error && <ErrorBox error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Loading />}
      {query.isSuccess && entries.length === 0 && <Empty title={t('audit.none')} />}
      {entries.length > 0 && (
        <PlainTable label={t('audit.title')} head={head}>
          {entries.map((entry) => (
            <Table.Tr key={entry.number}>
              <Table.Td className="number">{entry.number}</Table.Td>
              <Table.Td className="number">{format.dateTime(entry.time)}</Table.Td>
              <Table.Td>
                {entry.who} <small>{t(`audit.by.${entry.by}`)}</small>
              </Table.Td>
              <Table.Td className="mono">{entry.action}</Table.Td>
              <Table.Td>
                {Object.entries(entry.on)
                  .map(([key, value]) => `${key} ${value}`)
                  .join(', ')}
              </Table.Td>
              <Table.Td>
                <Status tone={tones[entry.outcome]}>
                  {[t(`audit.outcomes.${entry.outcome}`), entry.code].filter(Boolean).join(' ')}
                </Status>
              </Table.Td>
              <Table.Td>
                <Digest value={entry.hash} />
              </Table.Td>
            </Table.Tr>
          ))}
        </PlainTable>
      )}
      {query.hasNextPage && (
        <Group>
          <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('audit.older')}
          </Button>
        </Group>
      )}
    </Page>
  );
}
