import { Alert, Button, Checkbox, Group, Modal, Stack, Textarea } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../api/change.ts';
import { announce } from '../../components/announce.ts';
import { ErrorBox } from '../../components/states.tsx';
import { type ImageName, referenceTo } from './image-name.ts';

export function RevokeDialog({ name, onClose }: { name: ImageName; onClose: () => void }): ReactElement {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const [fallback, setFallback] = useState(true);
  const revoke = useChange(
    'POST /images/:template/:version/revoke',
    ['GET /images/:template/:version', 'GET /images', 'GET /channels'],
    ({ revoked }) => {
      announce(t('revoke.done', { count: revoked.length }));
      onClose();
    },
  );
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('revoke.heading', { image: referenceTo(name) })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          revoke.mutate({ params: name, query: {}, body: { reason, fallback } });
        }}
      >
        <Stack>
          <Alert variant="outline" color="orange" icon={<IconAlertTriangle aria-hidden />}>
            {t('revoke.warning')}
          </Alert>
          <Textarea
            label={t('revoke.reason')}
            description={t('revoke.reasonHint')}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            required
            minLength={3}
            maxLength={500}
            data-autofocus
          />
          <Checkbox
            label={t('revoke.fallback')}
            checked={fallback}
            onChange={(event) => setFallback(event.currentTarget.checked)}
          />
          {revoke.error && <ErrorBox error={revoke.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" color="red.9" loading={revoke.isPending}>
              {t('revoke.submit')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
