import { Group, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { AnswerOf } from '../../src/model/api/contract.ts';
import { ask } from '../api/ask.ts';
import { Page } from '../components/page.tsx';
import { PlainTable } from '../components/plain-table.tsx';
import { Answer, Empty } from '../components/states.tsx';
import { Status, type Tone } from '../components/status.tsx';
import { When } from '../components/when.tsx';

const tones: Record<AnswerOf<'GET /workers'>[number]['state'], Tone> = {
  up: 'ok',
  draining: 'waiting',
  lost: 'bad',
  gone: 'idle',
};

export function WorkersPage(): ReactElement {
  const { t } = useTranslation();
  const query = useQuery(ask('GET /workers', {}, { every: 5000 }));
  const head = [
    t('workers.host'),
    t('catalog.state'),
    t('workers.labels'),
    t('workers.jobs'),
    t('workers.seen'),
    t('workers.since'),
  ];
  return (
    <Page title={t('workers.title')} lead={t('workers.lead')}>
      <Answer query={query}>
        {(workers) =>
          workers.length === 0 ? (
            <Empty title={t('workers.none')}>{t('workers.noneHint')}</Empty>
          ) : (
            <PlainTable label={t('workers.title')} head={head}>
              {workers.map((worker) => (
                <Table.Tr key={worker.id}>
                  <Table.Td>
                    <div>{worker.host}</div>
                    <small className="mono">{worker.id}</small>
                  </Table.Td>
                  <Table.Td>
                    <Status tone={tones[worker.state]}>{t(`workers.states.${worker.state}`)}</Status>
                  </Table.Td>
                  <Table.Td>
                    <Group gap={4}>
                      {worker.labels.map((label) => (
                        <Status key={label} tone="name">
                          {label}
                        </Status>
                      ))}
                    </Group>
                  </Table.Td>
                  <Table.Td>
                    {worker.concurrency === 0
                      ? t('workers.takesNone')
                      : t('workers.busy', { busy: worker.running, all: worker.concurrency })}
                  </Table.Td>
                  <Table.Td>
                    <When time={worker.seen} />
                  </Table.Td>
                  <Table.Td>
                    <When time={worker.started} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </PlainTable>
          )
        }
      </Answer>
    </Page>
  );
}
