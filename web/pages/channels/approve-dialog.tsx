import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import type { ApiChannelSummary } from '../../../src/model/api/images.ts';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { ErrorBox } from '../../components/states.tsx';
import { DiffView } from '../image/diff-view.tsx';

/** The second pair of eyes sees what would change. */
export function ApproveDialog({
  channel,
  proposal: { digest, version },
  onClose,
}: {
  channel: ApiChannelSummary;
  proposal: ApiChannelSummary['proposals'][number];
  onClose: () => void;
}): ReactElement {
  const { t } = useTranslation();
  const { template, channel: name } = channel;
  const approve = useChange('POST /channels/:template/:channel/approve', ['GET /channels', 'GET /images'], ({ pending }) => {
    announce(pending ? t('promote.pending', { needed: pending.needed }) : t('promote.done', { channel: name }));
    onClose();
  });
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title={t('channels.approveHeading', { template, channel: name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <Stack>
        {approve.error && <ErrorBox error={approve.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button
            loading={approve.isPending}
            onClick={() => approve.mutate({ params: { template, channel: name }, query: {}, body: { digest } })}
          >
            {t('channels.approve')}
          </Button>
        </Group>
        {channel.version === undefined ? (
          <Text size="sm">{t('promote.new', { channel: name })}</Text>
        ) : (
          <DiffView from={`${template}@${channel.version}`} to={`${template}@${version}`} />
        )}
      </Stack>
    </Modal>
  );
}
