import { Anchor, SegmentedControl, Select, SimpleGrid, Table, useMantineColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { addressOf } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Copyable } from '../../components/digest.tsx';
import { type Fact, Facts } from '../../components/facts.tsx';
import { Page } from '../../components/page.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { Section } from '../../components/section.tsx';
import { Answer, Empty } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import { type Language, languages, switchLanguage } from '../../translations.ts';
import { PasswordForm } from './password-form.tsx';
import { WebhooksSection } from './webhooks-section.tsx';

/** What the server is, and what this browser shows of it. What is configured stands in gabarit.yaml. */
export function SettingsPage(): ReactElement {
  const { t, i18n } = useTranslation();
  const may = useMay();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const about = useQuery(ask('GET /about', {}));
  const ready = useQuery(ask('GET /ready', {}));
  const key = useQuery(ask('GET /signing-key', {}));
  return (
    <Page title={t('settings.title')} lead={t('settings.lead')}>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
        <Section title={t('settings.appearance')}>
          <Select
            label={t('shell.language')}
            data={(Object.keys(languages) as Language[]).map((value) => ({ value, label: languages[value] }))}
            value={i18n.language}
            onChange={(language) => void switchLanguage((language ?? 'en') as Language)}
            allowDeselect={false}
            maw={300}
          />
          <SegmentedControl
            aria-label={t('settings.theme')}
            data={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t(`settings.themes.${value}`) }))}
            value={colorScheme}
            onChange={(scheme) => setColorScheme(scheme === 'light' || scheme === 'dark' ? scheme : 'auto')}
            maw={300}
          />
        </Section>
        <Section title={t('settings.password')}>
          <PasswordForm />
        </Section>
        <Section title={t('settings.server')}>
          <Answer query={about}>
            {({ version, writableTemplates, login }) => (
              <Facts
                facts={[
                  [t('settings.version'), version],
                  [t('settings.logins'), [login.password && t('settings.byPassword'), login.oidc].filter(Boolean).join(', ')],
                  [t('settings.templates'), writableTemplates ? t('common.yes') : t('common.no')],
                  [
                    t('settings.api'),
                    <Anchor key="api" href="/api/v1/docs" size="sm">
                      {t('settings.apiDocs')}
                    </Anchor>,
                  ],
                  [
                    t('settings.openapi'),
                    <Anchor key="openapi" href={addressOf('GET /openapi.json', {})} size="sm">
                      openapi.json
                    </Anchor>,
                  ],
                ]}
              />
            )}
          </Answer>
        </Section>
        <Section title={t('settings.state')}>
          <Answer query={ready}>
            {({ checks }) => (
              <Facts
                facts={checks.map(({ name, ok, message }) => [
                  name,
                  <span key={name}>
                    <Status tone={ok ? 'ok' : 'bad'}>{ok ? t('settings.fine') : t('settings.faulty')}</Status> {message}
                  </span>,
                ])}
              />
            )}
          </Answer>
        </Section>
      </SimpleGrid>
      <Section title={t('settings.key')}>
        <Answer query={key}>
          {({ fingerprint, trust }) =>
            fingerprint === undefined ? (
              <Empty title={t('settings.noKey')}>{t('settings.noKeyHint')}</Empty>
            ) : (
              <Facts
                facts={[
                  [t('settings.fingerprint'), <Copyable key="fingerprint" value={fingerprint} />],
                  ...(trust === undefined ? [] : [[t('settings.trust'), <Copyable key="trust" value={trust} />] satisfies Fact]),
                ]}
              />
            )
          }
        </Answer>
      </Section>
      <Section title={t('settings.stores')}>
        <Answer query={about}>
          {({ stores }) =>
            stores.length === 0 ? (
              <Empty title={t('settings.noStores')}>{t('settings.noStoresHint')}</Empty>
            ) : (
              <PlainTable label={t('settings.stores')} head={[t('settings.store'), t('settings.url')]}>
                {stores.map(({ name, url }) => (
                  <Table.Tr key={name}>
                    <Table.Td fw={600}>{name}</Table.Td>
                    <Table.Td className="mono">{url}</Table.Td>
                  </Table.Tr>
                ))}
              </PlainTable>
            )
          }
        </Answer>
      </Section>
      {may('admin') && <WebhooksSection />}
    </Page>
  );
}
