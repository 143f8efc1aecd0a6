import { Paper, Stack } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiPlanPreview } from '../../../src/model/api/templates.ts';
import { Digest } from '../../components/digest.tsx';
import { Facts } from '../../components/facts.tsx';
import { useFormat } from '../../components/format.ts';
import { NameList } from '../image/name-list.tsx';

/** What a build would do, before it does it. */
export function PlanPreview({ plan }: { plan: ApiPlanPreview }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Paper withBorder p="md" role="region" aria-label={t('plan.title')}>
      <Stack>
        <Facts
          facts={[
            [t('plan.id'), <Digest key="id" value={plan.id} />],
            [t('catalog.os'), plan.release.title],
            [t('catalog.arch'), plan.arch],
            [t('plan.formats'), plan.formats.join(', ')],
            [t('plan.packages'), format.number(plan.packages.length)],
            [t('plan.download'), format.bytes(plan.downloadBytes)],
            [t('plan.provisioning'), plan.provisioning.map(({ name }) => name).join(' → ')],
          ]}
        />
        <NameList title={t('plan.packages')} names={plan.packages.map(({ name, version }) => `${name} ${version}`)} />
      </Stack>
    </Paper>
  );
}
