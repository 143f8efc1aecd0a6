import { Button, Checkbox, Group, Modal, Select, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { ErrorBox } from '../../components/states.tsx';
import type { Schedule } from './schedules-page.tsx';

const zones = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

/** A build at certain times. */
export function ScheduleDialog({ schedule, onClose }: { schedule: Schedule | undefined; onClose: () => void }): ReactElement {
  const { t } = useTranslation();
  const templates = useQuery(ask('GET /templates', {}));
  const about = useQuery(ask('GET /about', {}));
  const request = schedule?.request.kind === 'build' ? schedule.request : undefined;
  const [name, setName] = useState(schedule?.id ?? '');
  const [template, setTemplate] = useState<string | null>(request?.template ?? null);
  const [cron, setCron] = useState(schedule?.cron ?? '0 3 * * *');
  const [timezone, setTimezone] = useState(schedule?.timezone ?? 'UTC');
  const [store, setStore] = useState<string | null>(request?.publish?.store ?? null);
  const [channel, setChannel] = useState(request?.publish?.channel ?? '');
  const [verify, setVerify] = useState(request?.verify ?? false);
  const [onlyIfChanged, setOnlyIfChanged] = useState(request?.onlyIfChanged ?? true);
  const [enabled, setEnabled] = useState(schedule?.enabled ?? true);
  const write = useChange('PUT /schedules/:schedule', ['GET /schedules'], () => {
    announce(t('schedules.saved'));
    onClose();
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={schedule ? t('schedules.editOf', { name }) : t('schedules.new')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const publish = store === null ? {} : { publish: { store, ...(channel === '' ? {} : { channel }) } };
          write.mutate({
            params: { schedule: name },
            body: {
              cron,
              timezone,
              enabled,
              request: { kind: 'build', template: template ?? '', verify, onlyIfChanged, ...publish },
            },
          });
        }}
      >
        <Stack>
          {write.error && <ErrorBox error={write.error} />}
          <TextInput
            label={t('schedules.name')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            readOnly={schedule !== undefined}
            pattern="[a-z0-9][a-z0-9._\-]{0,63}"
            data-autofocus
          />
          <Select
            label={t('build.template')}
            data={templates.data?.map((one) => one.name) ?? []}
            value={template}
            onChange={setTemplate}
            required
            searchable
          />
          <TextInput
            label={t('schedules.cron')}
            description={t('schedules.cronHint')}
            value={cron}
            onChange={(event) => setCron(event.currentTarget.value)}
            required
            classNames={{ input: 'mono' }}
          />
          <Select
            label={t('schedules.timezone')}
            data={zones}
            value={timezone}
            onChange={(zone) => setTimezone(zone ?? 'UTC')}
            searchable
            allowDeselect={false}
          />
          <Select
            label={t('build.publishTo')}
            placeholder={t('build.doNotPublish')}
            data={about.data?.stores.map((one) => one.name) ?? []}
            value={store}
            onChange={setStore}
            clearable
          />
          <TextInput
            label={t('build.channel')}
            value={channel}
            onChange={(event) => setChannel(event.currentTarget.value)}
            disabled={store === null}
          />
          <Checkbox label={t('build.verify')} checked={verify} onChange={(event) => setVerify(event.currentTarget.checked)} />
          <Checkbox
            label={t('schedules.onlyIfChanged')}
            checked={onlyIfChanged}
            onChange={(event) => setOnlyIfChanged(event.currentTarget.checked)}
          />
          <Checkbox
            label={t('schedules.enabled')}
            checked={enabled}
            onChange={(event) => setEnabled(event.currentTarget.checked)}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" disabled={template === null} loading={write.isPending}>
              {t('common.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
