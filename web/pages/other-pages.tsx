import { Container } from '@mantine/core';
import { type ErrorComponentProps } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { Page } from '../components/page.tsx';
import { Empty, ErrorBox } from '../components/states.tsx';
import { ButtonLink } from '../components/links.tsx';

export function NotFoundPage(): ReactElement {
  const { t } = useTranslation();
  return (
    <Container py="xl" component="main">
      <Page title={t('errors.notFound')}>
        <Empty title={t('errors.notFoundLead')} action={<ButtonLink to="/">{t('errors.toCatalog')}</ButtonLink>} />
      </Page>
    </Container>
  );
}

/** A page that broke: what happened, and a way on. */
export function WrongPage({ error, reset }: ErrorComponentProps): ReactElement {
  const { t } = useTranslation();
  return (
    <Container py="xl" component="main">
      <Page title={t('errors.broken')}>
        <ErrorBox
          error={error instanceof Error ? error : new Error(String(error))}
          onRetry={() => {
            reset();
            location.reload();
          }}
        />
      </Page>
    </Container>
  );
}
