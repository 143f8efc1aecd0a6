import { Button, Group, Modal, Stack } from '@mantine/core';
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
  digest,
  onClose,
}: {
  channel: ApiChannelSummary;
  digest: string;
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
        <DiffView from={`${template}@${channel.digest}`} to={`${template}@${digest}`} />
      </Stack>
    </Modal>
  );
}
