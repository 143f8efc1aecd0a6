import { Alert, Button, Group, Modal, NumberInput, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../api/ask.ts';
import { useChange } from '../api/change.ts';
import { useMe } from '../api/session.ts';
import { announce } from '../components/announce.ts';
import { ConfirmDialog } from '../components/confirm-dialog.tsx';
import { Copyable } from '../components/digest.tsx';
import { useFormat } from '../components/format.ts';
import { GrantList, GrantsField, newGrant } from '../components/grants-field.tsx';
import { Page } from '../components/page.tsx';
import { PlainTable } from '../components/plain-table.tsx';
import { Answer, Empty, ErrorBox } from '../components/states.tsx';
import { When } from '../components/when.tsx';

export function TokensPage(): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(ask('GET /tokens', { query: {} }));
  const [isNew, dialog] = useDisclosure(false);
  const [leaving, setLeaving] = useState<{ id: string; name: string }>();
  const end = useChange('DELETE /tokens/:token', ['GET /tokens'], () => {
    announce(t('tokens.ended'));
    setLeaving(undefined);
  });
  const head = [
    t('tokens.name'),
    t('users.may'),
    t('tokens.created'),
    t('tokens.expires'),
    t('tokens.lastUsed'),
    t('channels.actions'),
  ];
  return (
    <Page
      title={t('tokens.title')}
      lead={t('tokens.lead')}
      actions={
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={dialog.open}>
          {t('tokens.new')}
        </Button>
      }
    >
      {leaving && (
        <ConfirmDialog
          title={t('tokens.endOf', { name: leaving.name })}
          text={t('tokens.endHint')}
          action={t('tokens.end')}
          change={end}
          onConfirm={() => end.mutate({ params: { token: leaving.id } })}
          onClose={() => setLeaving(undefined)}
        />
      )}
      <Answer query={query}>
        {(tokens) =>
          tokens.length === 0 ? (
            <Empty title={t('tokens.none')}>{t('tokens.noneHint')}</Empty>
          ) : (
            <PlainTable label={t('tokens.title')} head={head}>
              {tokens.map((token) => (
                <Table.Tr key={token.id}>
                  <Table.Td fw={600}>{token.name}</Table.Td>
                  <Table.Td>
                    <GrantList grants={token.grants} />
                  </Table.Td>
                  <Table.Td>
                    <When time={token.created} />
                  </Table.Td>
                  <Table.Td className="number">{format.date(token.expires)}</Table.Td>
                  <Table.Td>{token.lastUsed === undefined ? t('users.never') : <When time={token.lastUsed} />}</Table.Td>
                  <Table.Td>
                    <Button
                      size="compact-sm"
                      variant="default"
                      aria-label={t('tokens.endOf', { name: token.name })}
                      onClick={() => setLeaving(token)}
                    >
                      {t('tokens.end')}
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
            </PlainTable>
          )
        }
      </Answer>
      {isNew && <TokenDialog onClose={dialog.close} />}
    </Page>
  );
}

function TokenDialog({ onClose }: { onClose: () => void }): ReactElement {
  const { t } = useTranslation();
  const { data: me } = useMe();
  const [name, setName] = useState('');
  const [days, setDays] = useState<number | string>(30);
  const [grants, setGrants] = useState(me?.grants ?? [newGrant]);
  const create = useChange('POST /tokens', ['GET /tokens']);
  return (
    <Modal opened onClose={onClose} size="lg" title={t('tokens.new')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {create.data ? (
        <Stack>
          <Alert variant="outline" color="green" icon={<IconKey aria-hidden />} title={t('tokens.made')}>
            <Text size="sm">{t('tokens.once')}</Text>
          </Alert>
          <Copyable value={create.data.token} />
          <Group justify="flex-end">
            <Button onClick={onClose}>{t('common.close')}</Button>
          </Group>
        </Stack>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate({ body: { name, days: Number(days), grants } });
          }}
        >
          <Stack>
            {create.error && <ErrorBox error={create.error} />}
            <TextInput
              label={t('tokens.name')}
              description={t('tokens.nameHint')}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              required
              maxLength={64}
              data-autofocus
            />
            <NumberInput label={t('tokens.days')} value={days} onChange={setDays} min={1} max={90} required />
            <GrantsField grants={grants} onChange={setGrants} />
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                {t('common.cancel')}
              </Button>
              <Button type="submit" loading={create.isPending}>
                {t('tokens.create')}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
