import { CloseButton } from '@mantine/core';
import { type ReactElement, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { announcements, dismiss, onAnnounce } from './announce.ts';
import classes from './announcements.module.css';

export function Announcements(): ReactElement {
  const { t } = useTranslation();
  const shown = useSyncExternalStore(onAnnounce, announcements);
  return (
    <div className={classes['place']} role="status" aria-live="polite">
      {shown.map(({ id, message }) => (
        <div key={id} className={classes['one']}>
          <span>{message}</span>
          <CloseButton size="sm" aria-label={t('common.close')} onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
