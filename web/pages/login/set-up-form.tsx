import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Me } from '../../../src/model/api/access.ts';
import { useChange } from '../../api/change.ts';
import { ErrorBox } from '../../components/states.tsx';

/** The first account of a new server, made with the token that the server printed. */
export function SetUpForm({ onDone }: { onDone: (me: Me) => void }): ReactElement {
  const { t } = useTranslation();
  const [token, setToken] = useState('');
  const [name, setName] = useState('admin');
  const [password, setPassword] = useState('');
  const setUp = useChange('POST /setup', ['GET /about'], onDone);
  const toggle = { 'aria-label': t('login.showPassword') };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setUp.mutate({ body: { token: token.trim(), name, password } });
      }}
    >
      <Stack>
        <Text size="sm">{t('login.setUpLead')}</Text>
        {setUp.error && <ErrorBox error={setUp.error} />}
        <PasswordInput
          label={t('login.token')}
          description={t('login.tokenHint')}
          name="token"
          autoComplete="off"
          required
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
          visibilityToggleButtonProps={toggle}
        />
        <TextInput
          label={t('login.name')}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          required
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          label={t('login.password')}
          description={t('login.passwordHint')}
          name="password"
          autoComplete="new-password"
          required
          minLength={12}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={toggle}
        />
        <Button type="submit" loading={setUp.isPending}>
          {t('login.setUpSubmit')}
        </Button>
      </Stack>
    </form>
  );
}
