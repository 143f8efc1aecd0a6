import { Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { PlainTable } from '../../components/plain-table.tsx';
import { Section } from '../../components/section.tsx';
import { Answer } from '../../components/states.tsx';
import { DeploymentState } from '../targets/deployment-state.tsx';

/** Where this image lies; nothing at all on a server without targets. */
export function DeploymentsSection({ digest }: { digest: string }): ReactElement | null {
  const { t } = useTranslation();
  const targets = useQuery(ask('GET /targets', {}));
  const hasTargets = (targets.data?.length ?? 0) > 0;
  const deployments = useQuery(ask('GET /deployments', { query: {} }, { enabled: hasTargets }));
  if (!hasTargets) return null;
  return (
    <Section title={t('image.deployments')}>
      <Answer query={deployments}>
        {(listings) => {
          const here = listings.flatMap((listing) => listing.deployments.filter((deployment) => deployment.digest === digest));
          const unknown = listings.filter(({ error }) => error !== undefined).map(({ target }) => target);
          return (
            <>
              {here.length === 0 ? (
                <Text size="sm" c="dimmed">
                  {t('image.notDeployed')}
                </Text>
              ) : (
                <PlainTable label={t('image.deployments')} head={[t('targets.target'), t('targets.name'), t('catalog.state')]}>
                  {here.map((deployment) => (
                    <Table.Tr key={`${deployment.target} ${deployment.id}`}>
                      <Table.Td>{deployment.target}</Table.Td>
                      <Table.Td>{deployment.name}</Table.Td>
                      <Table.Td>
                        <DeploymentState deployment={deployment} />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </PlainTable>
              )}
              {unknown.length > 0 && <Text size="sm">{t('image.deploymentsUnknown', { names: unknown.join(', ') })}</Text>}
            </>
          );
        }}
      </Answer>
    </Section>
  );
}
