import { IconLogout, IconRoute } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { highestRole, useLogOut, useMay, useMe } from '../api/session.ts';
import { showTour } from '../tour/tour-state.ts';
import classes from './shell.module.css';

/** Who is logged in, and the way out. */
export function Account(): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const { data: me } = useMe();
  const logOut = useLogOut();
  const role = highestRole(me);
  return (
    <div className={classes['account']} role="group" aria-label={t('shell.account')}>
      {me && role && <div className={classes['who']}>{t('shell.loggedInAs', { name: me.name, role: t(`roles.${role}`) })}</div>}
      {may('builder') && (
        <button type="button" className={classes['link']} onClick={showTour}>
          <IconRoute size={17} aria-hidden stroke={1.7} />
          {t('tour.show')}
        </button>
      )}
      <button type="button" className={classes['link']} onClick={() => logOut.mutate()}>
        <IconLogout size={17} aria-hidden stroke={1.7} />
        {t('shell.logOut')}
      </button>
    </div>
  );
}
