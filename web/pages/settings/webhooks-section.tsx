import { Button, Group, MultiSelect, Stack, Table, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { Copyable } from '../../components/digest.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { Section } from '../../components/section.tsx';
import { Answer, ErrorBox } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';

const events = ['job.finished', 'image.published', 'image.revoked', 'channel.moved', 'channel.proposed'] as const;
type Event = (typeof events)[number];

/** Where events are sent. */
export function WebhooksSection(): ReactElement {
  const { t } = useTranslation();
  const query = useQuery(ask('GET /webhooks', {}));
  const test = useChange('POST /webhooks/:webhook/test', ['GET /webhooks'], ({ status, error }) =>
    announce(error ?? t('webhooks.answered', { status: String(status) })),
  );
  const [leaving, setLeaving] = useState<{ id: string; url: string }>();
  const remove = useChange('DELETE /webhooks/:webhook', ['GET /webhooks'], () => setLeaving(undefined));
  return (
    <Section title={t('webhooks.title')}>
      <Text size="sm" c="dimmed">
        {t('webhooks.lead')}
      </Text>
      {test.error && <ErrorBox error={test.error} />}
      {leaving && (
        <ConfirmDialog
          title={t('webhooks.removeOf', { url: leaving.url })}
          text={t('webhooks.removeHint')}
          action={t('common.remove')}
          change={remove}
          onConfirm={() => remove.mutate({ params: { webhook: leaving.id } })}
          onClose={() => setLeaving(undefined)}
        />
      )}
      <Answer query={query}>
        {(webhooks) =>
          webhooks.length > 0 && (
            <PlainTable
              label={t('webhooks.title')}
              head={[t('settings.url'), t('webhooks.events'), t('webhooks.last'), t('channels.actions')]}
            >
              {webhooks.map((webhook) => (
                <Table.Tr key={webhook.id}>
                  <Table.Td className="mono">{webhook.url}</Table.Td>
                  <Table.Td>{webhook.events.join(', ')}</Table.Td>
                  <Table.Td>
                    {webhook.last && (
                      <Status tone={webhook.last.error === undefined ? 'ok' : 'bad'}>
                        {webhook.last.error ?? String(webhook.last.status)}
                      </Status>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <Group gap={6} wrap="nowrap">
                      <Button
                        size="compact-sm"
                        variant="default"
                        loading={test.isPending}
                        onClick={() => test.mutate({ params: { webhook: webhook.id } })}
                      >
                        {t('webhooks.test')}
                      </Button>
                      <Button size="compact-sm" variant="default" onClick={() => setLeaving(webhook)}>
                        {t('common.remove')}
                      </Button>
                    </Group>
                  </Table.Td>
                </Table.Tr>
              ))}
            </PlainTable>
          )
        }
      </Answer>
      <NewWebhook />
    </Section>
  );
}

function NewWebhook(): ReactElement {
  const { t } = useTranslation();
  const [url, setUrl] = useState('');
  const [chosen, setChosen] = useState<Event[]>(['job.finished']);
  const create = useChange('POST /webhooks', ['GET /webhooks'], () => setUrl(''));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate({ body: { url, events: chosen } });
      }}
    >
      <Stack gap="sm">
        {create.error && <ErrorBox error={create.error} />}
        {create.data && (
          <div role="status">
            <Text size="sm">{t('webhooks.secret')}</Text>
            <Copyable value={create.data.secret} />
          </div>
        )}
        <Group align="flex-end">
          <TextInput
            type="url"
            label={t('settings.url')}
            value={url}
            onChange={(event) => setUrl(event.currentTarget.value)}
            required
            flex="1 1 16rem"
          />
          <MultiSelect
            label={t('webhooks.events')}
            data={[...events]}
            value={chosen}
            onChange={(names) => setChosen(names)}
            flex="1 1 16rem"
          />
          <Button type="submit" variant="default" disabled={chosen.length === 0} loading={create.isPending}>
            {t('webhooks.add')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
