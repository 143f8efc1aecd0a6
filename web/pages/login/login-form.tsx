import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Me } from '../../../src/model/api/access.ts';
import { useChange } from '../../api/change.ts';
import { ErrorBox } from '../../components/states.tsx';

export function LoginForm({ onDone }: { onDone: (me: Me) => void }): ReactElement {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const logIn = useChange('POST /session', [], onDone);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        logIn.mutate({ body: { name, password } });
      }}
    >
      <Stack>
        {logIn.error && <ErrorBox error={logIn.error} />}
        <TextInput
          label={t('login.name')}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          required
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          label={t('login.password')}
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': t('login.showPassword') }}
        />
        <Button type="submit" loading={logIn.isPending}>
          {t('login.submit')}
        </Button>
      </Stack>
    </form>
  );
}
