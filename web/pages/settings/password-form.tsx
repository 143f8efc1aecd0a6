import { Button, PasswordInput, Stack } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { ErrorBox } from '../../components/states.tsx';

export function PasswordForm(): ReactElement {
  const { t } = useTranslation();
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const toggle = { 'aria-label': t('login.showPassword') };
  const change = useChange('PUT /session/password', [], () => {
    announce(t('settings.passwordChanged'));
    setOld('');
    setPassword('');
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate({ body: { old, password } });
      }}
    >
      <Stack gap="sm" maw={360}>
        {change.error && <ErrorBox error={change.error} />}
        <PasswordInput
          label={t('settings.oldPassword')}
          autoComplete="current-password"
          required
          value={old}
          onChange={(event) => setOld(event.currentTarget.value)}
          visibilityToggleButtonProps={toggle}
        />
        <PasswordInput
          label={t('settings.newPassword')}
          description={t('login.passwordHint')}
          autoComplete="new-password"
          required
          minLength={12}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={toggle}
        />
        <Button type="submit" variant="default" loading={change.isPending}>
          {t('settings.changePassword')}
        </Button>
      </Stack>
    </form>
  );
}
