import { Group } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiDeployment } from '../../../src/model/api/targets.ts';
import { Status, type Tone } from '../../components/status.tsx';

const tones: Record<ApiDeployment['state'], Tone> = { current: 'ok', retired: 'idle', unfinished: 'warn', deleted: 'bad' };

export function DeploymentState({ deployment: { state, drift, revoked } }: { deployment: ApiDeployment }): ReactElement {
  const { t } = useTranslation();
  return (
    <Group gap={4}>
      <Status tone={tones[state]}>{t(`targets.states.${state}`)}</Status>
      {revoked !== undefined && <Status tone="stopped">{t('targets.revoked', { reason: revoked })}</Status>}
      {drift.map((sentence) => (
        <Status key={sentence} tone="warn">
          {sentence}
        </Status>
      ))}
    </Group>
  );
}
