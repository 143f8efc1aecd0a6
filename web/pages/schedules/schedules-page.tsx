import { Button, Group, Table } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AnswerOf } from '../../../src/model/api/contract.ts';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { useMay } from '../../api/session.ts';
import { announce } from '../../components/announce.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { useFormat } from '../../components/format.ts';
import { Page } from '../../components/page.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { Answer, Empty, ErrorBox } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import { When } from '../../components/when.tsx';
import { aboutOf } from '../jobs/job-title.ts';
import { ScheduleDialog } from './schedule-dialog.tsx';
import { TextLink } from '../../components/links.tsx';

export type Schedule = AnswerOf<'GET /schedules'>[number];

export function SchedulesPage(): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const query = useQuery(ask('GET /schedules', {}, { every: 15_000 }));
  const [edited, setEdited] = useState<Schedule | 'new'>();
  const add = may('builder') && (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited('new')}>
      {t('schedules.new')}
    </Button>
  );
  return (
    <Page title={t('schedules.title')} lead={t('schedules.lead')} actions={add}>
      <Answer query={query}>
        {(schedules) =>
          schedules.length === 0 ? (
            <Empty title={t('schedules.none')}>{t('schedules.noneHint')}</Empty>
          ) : (
            <Schedules schedules={schedules} onEdit={setEdited} />
          )
        }
      </Answer>
      {edited !== undefined && (
        <ScheduleDialog schedule={edited === 'new' ? undefined : edited} onClose={() => setEdited(undefined)} />
      )}
    </Page>
  );
}

function Schedules({ schedules, onEdit }: { schedules: Schedule[]; onEdit: (schedule: Schedule) => void }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const may = useMay();
  const [leaving, setLeaving] = useState<string>();
  const remove = useChange('DELETE /schedules/:schedule', ['GET /schedules'], () => {
    announce(t('schedules.removed'));
    setLeaving(undefined);
  });
  const run = useChange('POST /schedules/:schedule/run', ['GET /schedules', 'GET /jobs'], ({ title }) =>
    announce(t('schedules.started', { title })),
  );
  const head = [
    t('schedules.name'),
    t('schedules.what'),
    t('schedules.cron'),
    t('schedules.next'),
    t('schedules.last'),
    t('catalog.state'),
    t('channels.actions'),
  ];
  return (
    <>
      {run.error && <ErrorBox error={run.error} />}
      {leaving !== undefined && (
        <ConfirmDialog
          title={t('schedules.removeOf', { name: leaving })}
          text={t('schedules.removeHint')}
          action={t('common.remove')}
          change={remove}
          onConfirm={() => remove.mutate({ params: { schedule: leaving } })}
          onClose={() => setLeaving(undefined)}
        />
      )}
      <PlainTable label={t('schedules.title')} head={head}>
        {schedules.map((schedule) => (
          <Table.Tr key={schedule.id}>
            <Table.Td fw={600}>{schedule.id}</Table.Td>
            <Table.Td>{t(`job.titles.${schedule.request.kind}`, { about: aboutOf(schedule.request) })}</Table.Td>
            <Table.Td className="mono">
              {schedule.cron} {schedule.timezone}
            </Table.Td>
            <Table.Td className="number">
              {schedule.next === undefined ? t('common.none') : format.dateTime(schedule.next)}
            </Table.Td>
            <Table.Td>
              {schedule.last === undefined ? (
                schedule.lastJob === undefined && t('schedules.never')
              ) : (
                <When time={schedule.last} />
              )}{' '}
              {schedule.lastJob !== undefined && (
                <TextLink to="/jobs/$job" params={{ job: schedule.lastJob }} size="sm">
                  {t('schedules.showJob')}
                </TextLink>
              )}
            </Table.Td>
            <Table.Td>
              <Status tone={schedule.enabled ? 'ok' : 'stopped'}>
                {schedule.enabled ? t('schedules.on') : t('schedules.off')}
              </Status>
            </Table.Td>
            <Table.Td>
              {may('builder') && (
                <Group gap={6} wrap="nowrap">
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => onEdit(schedule)}
                    aria-label={t('schedules.editOf', { name: schedule.id })}
                  >
                    {t('common.edit')}
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => run.mutate({ params: { schedule: schedule.id } })}
                    aria-label={t('schedules.runOf', { name: schedule.id })}
                  >
                    {t('schedules.run')}
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => setLeaving(schedule.id)}
                    aria-label={t('schedules.removeOf', { name: schedule.id })}
                  >
                    {t('common.remove')}
                  </Button>
                </Group>
              )}
            </Table.Td>
          </Table.Tr>
        ))}
      </PlainTable>
    </>
  );
}
