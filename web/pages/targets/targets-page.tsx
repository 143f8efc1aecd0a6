import { Button, Group, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { AnswerOf } from '../../../src/model/api/contract.ts';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { ApiError } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { announce } from '../../components/announce.ts';
import { Page } from '../../components/page.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { Section } from '../../components/section.tsx';
import { Answer, Empty, ErrorBox, Loading } from '../../components/states.tsx';
import { Status } from '../../components/status.tsx';
import { DeploymentState } from './deployment-state.tsx';
import { TextLink } from '../../components/links.tsx';

type Listing = AnswerOf<'GET /deployments'>[number];

/** The places that run machines: whether they answer, and what lies there. */
export function TargetsPage(): ReactElement {
  const { t } = useTranslation();
  const targets = useQuery(ask('GET /targets', {}));
  const hasTargets = (targets.data?.length ?? 0) > 0;
  const deployments = useQuery(ask('GET /deployments', { query: {} }, { enabled: hasTargets }));
  return (
    <Page
      title={t('targets.title')}
      lead={t('targets.lead')}
      actions={
        hasTargets && (
          <Button variant="default" loading={deployments.isFetching} onClick={() => void deployments.refetch()}>
            {t('targets.refresh')}
          </Button>
        )
      }
    >
      <Answer query={targets}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t('targets.none')}>{t('targets.noneHint')}</Empty>
          ) : (
            <Stack gap="lg">
              {deployments.error && <ErrorBox error={deployments.error} />}
              {all.map((target) => {
                const listing = deployments.data?.find((entry) => entry.target === target.name);
                return (
                  <Section
                    key={target.name}
                    title={target.name}
                    actions={
                      listing && (
                        <Status tone={listing.error ? 'bad' : 'ok'}>
                          {listing.error ? t('targets.silent') : t('targets.answers')}
                        </Status>
                      )
                    }
                  >
                    <Text size="sm" c="dimmed">
                      {[target.kind, target.hosts.join(', ')].join(' · ')}
                    </Text>
                    {listing ? <Deployments listing={listing} /> : deployments.isFetching && <Loading rows={2} />}
                  </Section>
                );
              })}
            </Stack>
          )
        }
      </Answer>
    </Page>
  );
}

function Deployments({ listing }: { listing: Listing }): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const rollBack = useChange('POST /deployments/rollback', ['GET /deployments'], (results) => {
    const failed = results.find(({ error }) => error);
    announce(failed?.error?.message ?? t('targets.rolledBack'));
  });
  if (listing.error) return <ErrorBox error={new ApiError(0, listing.error)} />;
  if (listing.deployments.length === 0) return <Empty title={t('targets.empty')}>{t('targets.emptyHint')}</Empty>;
  const head = [t('catalog.template'), t('image.version'), t('targets.name'), t('catalog.state'), t('channels.actions')];
  return (
    <PlainTable label={t('targets.deploymentsOn', { target: listing.target })} head={head}>
      {listing.deployments.map((deployment) => (
        <Table.Tr key={deployment.id}>
          <Table.Td>{deployment.template}</Table.Td>
          <Table.Td>
            <TextLink
              to="/images/$template/$version"
              params={{ template: deployment.template, version: deployment.version }}
              size="sm"
              className="number"
            >
              {deployment.version}
            </TextLink>
          </Table.Td>
          <Table.Td>{deployment.name}</Table.Td>
          <Table.Td>
            <DeploymentState deployment={deployment} />
          </Table.Td>
          <Table.Td>
            <Group gap={6} wrap="nowrap">
              {may('publisher') && deployment.state === 'retired' && (
                <Button
                  size="compact-sm"
                  variant="default"
                  loading={rollBack.isPending}
                  onClick={() =>
                    rollBack.mutate({
                      body: { template: deployment.template, targets: [listing.target], version: deployment.version },
                    })
                  }
                >
                  {t('targets.makeCurrent')}
                </Button>
              )}
            </Group>
          </Table.Td>
        </Table.Tr>
      ))}
    </PlainTable>
  );
}
