import { Anchor, Container, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { type ReactElement, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import type { Me } from '../../../src/model/api/access.ts';
import { ask } from '../../api/ask.ts';
import { addressOf } from '../../api/client.ts';
import { meQuery } from '../../api/session.ts';
import { Answer } from '../../components/states.tsx';
import { Brand } from '../../shell/brand.tsx';
import { ColorSchemeButton } from '../../shell/color-scheme-button.tsx';
import { LanguageButton } from '../../shell/language-button.tsx';
import { LoginForm } from './login-form.tsx';
import { SetUpForm } from './set-up-form.tsx';

const route = getRouteApi('/login');

export function LoginPage(): ReactElement {
  const { t } = useTranslation();
  const about = useQuery(ask('GET /about', {}));
  const queries = useQueryClient();
  const router = useRouter();
  const { to } = route.useSearch();
  const title = about.data?.setupNeeded ? t('login.setUp') : t('login.title');
  useEffect(() => {
    document.title = `${title} · Gabarit`;
  }, [title]);
  const enter = (me: Me): void => {
    queries.setQueryData(meQuery.queryKey, me);
    router.history.push(to ?? '/');
  };
  return (
    <Container size={440} py={{ base: 'md', xs: 80 }} component="main">
      <Stack gap="lg">
        <Group justify="space-between">
          <Brand />
          <Group gap={4}>
            <LanguageButton />
            <ColorSchemeButton />
          </Group>
        </Group>
        <Paper withBorder p="lg">
          <Answer query={about}>
            {({ setupNeeded, login, version }) => (
              <Stack>
                <Title order={1}>{title}</Title>
                {setupNeeded ? <SetUpForm onDone={enter} /> : login.password && <LoginForm onDone={enter} />}
                {login.oidc !== undefined && (
                  <Anchor href={addressOf('GET /session/oidc', {})}>{t('login.oidc', { provider: login.oidc })}</Anchor>
                )}
                <Text size="xs" c="dimmed">
                  {t('login.version', { version })}
                </Text>
              </Stack>
            )}
          </Answer>
        </Paper>
      </Stack>
    </Container>
  );
}
