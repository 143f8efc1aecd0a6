import { Button, Checkbox, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconEye, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { useMay } from '../../api/session.ts';
import { Section } from '../../components/section.tsx';
import { ErrorBox } from '../../components/states.tsx';
import { PlanPreview } from './plan-preview.tsx';

interface Props {
  template: string;
  /** When it is not saved yet. */
  yaml: string | undefined;
  faulty: boolean;
  /** Saves what was changed; the queue builds what is saved. */
  onSave: (() => Promise<unknown>) | undefined;
}

/** What shall come of it, what would be done, and the button that does it. */
export function StartPanel({ template, yaml, faulty, onSave }: Props): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const about = useQuery(ask('GET /about', {}));
  const stores = about.data?.stores.map(({ name }) => name) ?? [];
  const [verify, setVerify] = useState(false);
  const [store, setStore] = useState<string | null>(null);
  const [channel, setChannel] = useState('');
  const [saveError, setSaveError] = useState<Error>();
  const [isSaving, setSaving] = useState(false);
  const first = stores[0];
  useEffect(() => setStore(first ?? null), [first]);
  const preview = useChange('POST /plans', []);
  const start = useChange('POST /jobs', ['GET /jobs'], ({ id }) => void navigate({ to: '/jobs/$job', params: { job: id } }));
  const build = async (): Promise<void> => {
    setSaving(true);
    setSaveError(undefined);
    try {
      await onSave?.();
    } catch (error) {
      setSaveError(error instanceof Error ? error : new Error(String(error)));
      return;
    } finally {
      setSaving(false);
    }
    const publish = store === null ? {} : { publish: { store, ...(channel === '' ? {} : { channel }) } };
    start.mutate({ body: { request: { kind: 'build', template, verify, ...publish } } });
  };
  return (
    <Section title={t('build.start')}>
      <Stack gap="sm">
        <Group align="flex-end" gap="md">
          <Select
            label={t('build.publishTo')}
            placeholder={stores.length === 0 ? t('build.noStores') : t('build.doNotPublish')}
            data={stores}
            value={store}
            onChange={setStore}
            clearable
            disabled={!may('publisher') && stores.length === 0}
            w={220}
          />
          <TextInput
            label={t('build.channel')}
            placeholder={t('build.noChannel')}
            value={channel}
            onChange={(event) => setChannel(event.currentTarget.value)}
            disabled={store === null}
            w={180}
          />
          <Checkbox
            label={t('build.verify')}
            checked={verify}
            onChange={(event) => setVerify(event.currentTarget.checked)}
            pb={8}
          />
        </Group>
        <Group gap="sm">
          <Button
            variant="default"
            leftSection={<IconEye size={16} aria-hidden />}
            disabled={faulty}
            loading={preview.isPending}
            onClick={() => preview.mutate({ body: { template, ...(yaml === undefined ? {} : { yaml }) } })}
          >
            {t('build.preview')}
          </Button>
          <Button
            leftSection={<IconPlayerPlay size={16} aria-hidden />}
            disabled={faulty || !may('builder')}
            loading={isSaving || start.isPending}
            onClick={() => void build()}
          >
            {onSave ? t('build.saveAndBuild') : t('build.submit')}
          </Button>
          {faulty && (
            <Text size="sm" c="var(--bad)">
              {t('build.mendFirst')}
            </Text>
          )}
        </Group>
        {saveError && <ErrorBox error={saveError} />}
        {start.error && <ErrorBox error={start.error} />}
        {preview.error && <ErrorBox error={preview.error} />}
        {preview.data && <PlanPreview plan={preview.data} />}
      </Stack>
    </Section>
  );
}
