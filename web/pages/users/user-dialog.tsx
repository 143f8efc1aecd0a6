import { Button, Checkbox, Group, Modal, PasswordInput, Stack, TextInput } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiUser } from '../../../src/model/api/access.ts';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { GrantsField, newGrant } from '../../components/grants-field.tsx';
import { ErrorBox } from '../../components/states.tsx';

interface Props {
  user: ApiUser | undefined;
  onClose: () => void;
  onRemove: (name: string) => void;
}

export function UserDialog({ user, onClose, onRemove }: Props): ReactElement {
  const { t } = useTranslation();
  const [name, setName] = useState(user?.name ?? '');
  const [password, setPassword] = useState('');
  const [grants, setGrants] = useState(user?.grants ?? [newGrant]);
  const [enabled, setEnabled] = useState(user?.enabled ?? true);
  const done = (): void => {
    announce(t('users.saved', { name }));
    onClose();
  };
  const create = useChange('POST /users', ['GET /users'], done);
  const change = useChange('PUT /users/:user', ['GET /users'], done);
  const error = create.error ?? change.error;
  const secret = password === '' ? {} : { password };
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={user ? t('users.editOf', { name: user.name }) : t('users.new')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (user) change.mutate({ params: { user: user.name }, body: { grants, enabled, ...secret } });
          else create.mutate({ body: { name, grants, ...secret } });
        }}
      >
        <Stack>
          {error && <ErrorBox error={error} />}
          <TextInput
            label={t('users.name')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            readOnly={user !== undefined}
            pattern="[a-z0-9][a-z0-9._\-]{0,63}"
            data-autofocus
          />
          <PasswordInput
            label={user ? t('users.newPassword') : t('users.password')}
            description={user ? t('users.newPasswordHint') : t('users.passwordHint')}
            autoComplete="new-password"
            minLength={12}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ 'aria-label': t('login.showPassword') }}
          />
          <GrantsField grants={grants} onChange={setGrants} />
          {user && (
            <Checkbox
              label={t('users.enabledLabel')}
              checked={enabled}
              onChange={(event) => setEnabled(event.currentTarget.checked)}
            />
          )}
          <Group justify="space-between">
            {user ? (
              <Button color="red.9" variant="outline" onClick={() => onRemove(user.name)}>
                {t('common.remove')}
              </Button>
            ) : (
              <span />
            )}
            <Group gap="xs">
              <Button variant="default" onClick={onClose}>
                {t('common.cancel')}
              </Button>
              <Button type="submit" loading={create.isPending || change.isPending}>
                {t('common.save')}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
