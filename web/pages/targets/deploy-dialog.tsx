import { Button, Checkbox, Group, List, Modal, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { Empty, ErrorBox } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';

/** Brings an image to targets: first what it would do there, then the job that does it. */
export function DeployDialog({ image, onClose }: { image: string; onClose: () => void }): ReactElement {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const targets = useQuery(ask('GET /targets', {}));
  const [chosen, setChosen] = useState<string[]>([]);
  const preview = useChange('POST /deployments/preview', []);
  const deploy = useChange('POST /jobs', ['GET /jobs'], (job) => void navigate({ to: '/jobs/$job', params: { job: job.id } }));
  const results = preview.data;
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t('deploy.heading', { image })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <Stack>
        {targets.data?.length === 0 && <Empty title={t('targets.none')}>{t('targets.noneHint')}</Empty>}
        <Checkbox.Group
          label={t('targets.title')}
          value={chosen}
          onChange={(names) => {
            setChosen(names);
            preview.reset();
          }}
        >
          <Stack gap="xs" mt={4}>
            {targets.data?.map(({ name, kind, hosts }) => (
              <Checkbox key={name} value={name} label={name} description={[kind, hosts.join(', ')].join(' · ')} />
            ))}
          </Stack>
        </Checkbox.Group>
        {preview.error && <ErrorBox error={preview.error} />}
        {deploy.error && <ErrorBox error={deploy.error} />}
        {results?.map((result) => (
          <div key={result.target}>
            <Group gap="xs">
              <Text fw={600}>{result.target}</Text>
              <Status tone={result.error ? 'bad' : 'ok'}>
                {result.error?.code ?? (result.plan ? t(`deploy.actions.${result.plan.action}`) : result.outcome)}
              </Status>
            </Group>
            {result.error && <Text size="sm">{result.error.message}</Text>}
            {result.error?.hint !== undefined && (
              <Text size="sm" c="dimmed">
                {result.error.hint}
              </Text>
            )}
            <List size="sm">
              {result.plan?.notes.map((note) => (
                <List.Item key={note}>{note}</List.Item>
              ))}
            </List>
          </div>
        ))}
        <Group justify="flex-end">
          <Button
            variant="default"
            disabled={chosen.length === 0}
            loading={preview.isPending}
            onClick={() => preview.mutate({ body: { image, targets: chosen } })}
          >
            {t('deploy.preview')}
          </Button>
          <Button
            disabled={!results || results.every(({ error }) => error)}
            loading={deploy.isPending}
            onClick={() => deploy.mutate({ body: { request: { kind: 'deploy', image, targets: chosen } } })}
          >
            {t('targets.deploy')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
