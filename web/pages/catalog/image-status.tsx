import { Group } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiImageSummary } from '../../../src/model/api/images.ts';
import { Status } from '../../components/status.tsx';

/** The one word about an image that matters most. */
export function ImageStatus({ image }: { image: Pick<ApiImageSummary, 'checks' | 'revoked'> }): ReactElement {
  const { t } = useTranslation();
  const { checks, revoked } = image;
  if (revoked) return <Status tone="stopped">{t('image.revoked')}</Status>;
  if (checks.fail > 0) return <Status tone="bad">{t('image.failed', { count: checks.fail })}</Status>;
  if (checks.warn > 0) return <Status tone="warn">{t('image.warned', { count: checks.warn })}</Status>;
  return <Status tone="ok">{checks.booted ? t('image.booted') : t('image.checked')}</Status>;
}

export function ChannelNames({ names }: { names: string[] }): ReactElement {
  return (
    <Group gap={4} wrap="nowrap" component="span" display="inline-flex">
      {names.map((name) => (
        <Status key={name} tone="name">
          {name}
        </Status>
      ))}
    </Group>
  );
}
