import { Autocomplete, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ask } from '../../api/ask.ts';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { ErrorBox } from '../../components/states.tsx';
import { DiffView } from './diff-view.tsx';
import { type ImageName, referenceTo } from './image-name.ts';

interface Props {
  image: ImageName & { digest: string };
  channel?: string;
  onClose: () => void;
}

/** Moves a channel to an image, with what would change for its users in view. The server refuses when the channel has moved since. */
export function PromoteDialog({ image, channel: given, onClose }: Props): ReactElement {
  const { t } = useTranslation();
  const [channel, setChannel] = useState(given ?? '');
  const channels = useQuery(ask('GET /channels', { query: { template: image.template } }));
  const now = channels.data?.find((entry) => entry.channel === channel);
  const isThere = now?.digest === image.digest;
  const promote = useChange(
    'PUT /channels/:template/:channel',
    ['GET /channels', 'GET /images', 'GET /images/:template/:version'],
    ({ pending }) => {
      announce(pending ? t('promote.pending', { needed: pending.needed }) : t('promote.done', { channel }));
      onClose();
    },
  );
  const known = [...new Set(['dev', 'stable', ...(channels.data ?? []).map((entry) => entry.channel)])];
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title={t('promote.heading', { image: referenceTo(image) })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const body = { version: image.version, seen: now?.digest ?? ('none' as const) };
          promote.mutate({ params: { template: image.template, channel }, query: {}, body });
        }}
      >
        <Stack>
          <Autocomplete
            label={t('promote.channel')}
            description={t('promote.channelHint')}
            data={known.filter((name) => name !== channel)}
            value={channel}
            onChange={setChannel}
            required
            pattern="[a-z][a-z0-9\-]{0,31}"
            data-autofocus
          />
          {channel !== '' && channels.isSuccess && (
            <Text size="sm" role="status">
              {now && now.needed > 1 && `${t('promote.needed', { count: now.needed })} `}
              {now?.version ? t('promote.now', { channel, version: now.version }) : t('promote.new', { channel })}
            </Text>
          )}
          {promote.error && <ErrorBox error={promote.error} />}
          {isThere && <Text size="sm">{t('promote.already')}</Text>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" disabled={channel === '' || isThere || !channels.isSuccess} loading={promote.isPending}>
              {t('promote.submit')}
            </Button>
          </Group>
          {now?.version && !isThere && <DiffView from={`${image.template}@${now.version}`} to={referenceTo(image)} />}
        </Stack>
      </form>
    </Modal>
  );
}
