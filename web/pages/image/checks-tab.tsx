import { Anchor, Chip, Group, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AnswerOf } from '../../../src/model/api/contract.ts';
import { ask } from '../../api/ask.ts';
import { addressOf } from '../../api/client.ts';
import { PlainTable } from '../../components/plain-table.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import { VerdictStatus } from '../../components/verdict-status.tsx';
import { BootTimes } from './boot-times.tsx';
import type { ImageName } from './image-name.ts';

type Verdict = AnswerOf<'GET /images/:template/:version/checks'>[number];
const statuses = ['fail', 'warn', 'skip', 'pass'] as const;

export function ChecksTab({ name }: { name: ImageName }): ReactElement {
  const { t } = useTranslation();
  const query = useQuery(ask('GET /images/:template/:version/checks', { params: name, query: {} }));
  return (
    <Answer query={query}>
      {(verdicts) => (
        <Stack gap="sm">
          <BootTimes name={name} />
          <Verdicts all={verdicts} />
          <Anchor size="sm" href={addressOf('GET /images/:template/:version/report', { params: name, query: {} })} download>
            {t('image.junit')}
          </Anchor>
        </Stack>
      )}
    </Answer>
  );
}

/** The worst come first: what passed needs no reading. */
function Verdicts({ all }: { all: Verdict[] }): ReactElement {
  const { t } = useTranslation();
  const [shown, setShown] = useState<string[]>([]);
  const rows = all
    .filter(({ status }) => shown.length === 0 || shown.includes(status))
    .toSorted((a, b) => statuses.indexOf(a.status) - statuses.indexOf(b.status));
  if (all.length === 0) return <Empty title={t('image.noChecks')} />;
  return (
    <>
      <Chip.Group multiple value={shown} onChange={setShown}>
        <Group gap="xs" role="group" aria-label={t('image.filterChecks')}>
          {statuses.map((status) => (
            <Chip key={status} value={status} size="xs" variant="outline">
              {t('image.verdictCount', {
                verdict: t(`verdicts.${status}`),
                count: all.filter((verdict) => verdict.status === status).length,
              })}
            </Chip>
          ))}
        </Group>
      </Chip.Group>
      <PlainTable label={t('image.tabs.checks')} head={[t('image.verdict'), t('image.check'), t('image.found')]}>
        {rows.map((verdict, index) => (
          <Table.Tr key={`${verdict.check} ${verdict.subject ?? ''} ${index}`}>
            <Table.Td>
              <VerdictStatus status={verdict.status} />
            </Table.Td>
            <Table.Td>
              <Text size="sm">{verdict.title}</Text>
              <Text size="xs" c="dimmed" className="mono">
                {[verdict.check, verdict.subject].filter(Boolean).join(' · ')}
              </Text>
            </Table.Td>
            <Table.Td>{verdict.message}</Table.Td>
          </Table.Tr>
        ))}
      </PlainTable>
    </>
  );
}
