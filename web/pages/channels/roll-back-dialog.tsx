import { Button, Group, Modal, Select, Stack } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiChannelSummary, ApiImageSummary } from '../../../src/model/api/images.ts';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { useFormat } from '../../components/format.ts';
import { Empty, ErrorBox } from '../../components/states.tsx';
import { DiffView } from '../image/diff-view.tsx';

interface Props {
  channel: ApiChannelSummary;
  images: ApiImageSummary[];
  onClose: () => void;
}

/** Points a channel at an older image that may still be used. */
export function RollBackDialog({ channel, images, onClose }: Props): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const { template, channel: name } = channel;
  const at = images.find(({ digest }) => digest === channel.digest);
  const older = images.filter(
    (image) => image.template === template && image.revoked === undefined && (at === undefined || image.published < at.published),
  );
  const [version, setVersion] = useState<string | null>(older[0]?.version ?? null);
  const rollBack = useChange(
    'POST /channels/:template/:channel/rollback',
    ['GET /channels', 'GET /images'],
    ({ image, pending }) => {
      announce(
        pending
          ? t('promote.pending', { needed: pending.needed })
          : t('channels.rolledBack', { channel: name, version: image.version }),
      );
      onClose();
    },
  );
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title={t('channels.rollBackHeading', { template, channel: name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {version === null ? (
        <Empty title={t('channels.noOlder')}>{t('channels.noOlderHint')}</Empty>
      ) : (
        <Stack>
          <Select
            label={t('channels.backTo')}
            data={older.map((image) => ({ value: image.version, label: `${image.version} (${format.date(image.published)})` }))}
            value={version}
            onChange={(next) => setVersion(next ?? version)}
            allowDeselect={false}
            data-autofocus
          />
          {rollBack.error && <ErrorBox error={rollBack.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button
              loading={rollBack.isPending}
              onClick={() =>
                rollBack.mutate({ params: { template, channel: name }, query: {}, body: { seen: channel.digest, version } })
              }
            >
              {t('channels.rollBack')}
            </Button>
          </Group>
          <DiffView from={`${template}@${channel.version}`} to={`${template}@${version}`} />
        </Stack>
      )}
    </Modal>
  );
}
