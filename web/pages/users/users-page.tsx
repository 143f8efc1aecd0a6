import { Button, Group, Table } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiUser } from '../../../src/model/api/access.ts';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { GrantList } from '../../components/grants-field.tsx';
import { Page } from '../../components/page.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { Answer } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import { When } from '../../components/when.tsx';
import { UserDialog } from './user-dialog.tsx';

export function UsersPage(): ReactElement {
  const { t } = useTranslation();
  const query = useQuery(ask('GET /users', {}));
  const [edited, setEdited] = useState<ApiUser | 'new'>();
  const [leaving, setLeaving] = useState<string>();
  const remove = useChange('DELETE /users/:user', ['GET /users'], () => {
    announce(t('users.removed', { name: leaving }));
    setLeaving(undefined);
  });
  const head = [
    t('users.name'),
    t('users.kind'),
    t('users.may'),
    t('users.lastLogin'),
    t('catalog.state'),
    t('channels.actions'),
  ];
  return (
    <Page
      title={t('users.title')}
      lead={t('users.lead')}
      actions={
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited('new')}>
          {t('users.new')}
        </Button>
      }
    >
      <Answer query={query}>
        {(users) => (
          <PlainTable label={t('users.title')} head={head}>
            {users.map((user) => (
              <Table.Tr key={user.name}>
                <Table.Td fw={600}>{user.name}</Table.Td>
                <Table.Td>{t(`users.kinds.${user.kind}`)}</Table.Td>
                <Table.Td>
                  <GrantList grants={user.grants} />
                </Table.Td>
                <Table.Td>{user.lastLogin === undefined ? t('users.never') : <When time={user.lastLogin} />}</Table.Td>
                <Table.Td>
                  <Status tone={user.enabled ? 'ok' : 'stopped'}>
                    {user.enabled ? t('users.enabled') : t('users.disabled')}
                  </Status>
                </Table.Td>
                <Table.Td>
                  <Group gap={6}>
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() => setEdited(user)}
                      aria-label={t('users.editOf', { name: user.name })}
                    >
                      {t('common.edit')}
                    </Button>
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </PlainTable>
        )}
      </Answer>
      {edited !== undefined && (
        <UserDialog
          user={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
          onRemove={(name) => {
            setEdited(undefined);
            setLeaving(name);
          }}
        />
      )}
      {leaving !== undefined && (
        <ConfirmDialog
          title={t('users.removeOf', { name: leaving })}
          text={t('users.removeHint')}
          action={t('common.remove')}
          change={remove}
          onConfirm={() => remove.mutate({ params: { user: leaving } })}
          onClose={() => setLeaving(undefined)}
        />
      )}
    </Page>
  );
}
