import {
  IconAffiliate,
  IconCalendarTime,
  IconHammer,
  IconKey,
  IconListDetails,
  IconPlaylist,
  IconServer,
  IconServer2,
  IconSettings,
  IconTimeline,
  IconUsers,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useMay } from '../api/session.ts';
import classes from './shell.module.css';

const groups = [
  {
    title: 'shell.images',
    links: [
      { to: '/', label: 'catalog.title', icon: IconListDetails, role: 'viewer' },
      { to: '/channels', label: 'channels.title', icon: IconAffiliate, role: 'viewer' },
    ],
  },
  {
    title: 'shell.builds',
    links: [
      { to: '/build', label: 'build.title', icon: IconHammer, role: 'builder' },
      { to: '/jobs', label: 'jobs.title', icon: IconPlaylist, role: 'viewer' },
      { to: '/schedules', label: 'schedules.title', icon: IconCalendarTime, role: 'viewer' },
    ],
  },
  {
    title: 'shell.places',
    links: [
      { to: '/targets', label: 'targets.title', icon: IconServer2, role: 'viewer' },
      { to: '/workers', label: 'workers.title', icon: IconServer, role: 'viewer' },
    ],
  },
  {
    title: 'shell.administration',
    links: [
      { to: '/audit', label: 'audit.title', icon: IconTimeline, role: 'admin' },
      { to: '/users', label: 'users.title', icon: IconUsers, role: 'admin' },
      { to: '/tokens', label: 'tokens.title', icon: IconKey, role: 'viewer' },
      { to: '/settings', label: 'settings.title', icon: IconSettings, role: 'viewer' },
    ],
  },
] as const;

export function Navigation(): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  return (
    <div>
      {groups.map((group) => (
        <div key={group.title} className={classes['group']} role="group" aria-label={t(group.title)}>
          <div className={classes['groupTitle']} aria-hidden>
            {t(group.title)}
          </div>
          {group.links
            .filter(({ role }) => may(role))
            .map(({ to, label, icon: Icon }) => (
              <Link key={to} to={to} className={classes['link']} activeOptions={{ exact: to === '/', includeSearch: false }}>
                <Icon size={17} aria-hidden stroke={1.7} />
                {t(label)}
              </Link>
            ))}
        </div>
      ))}
    </div>
  );
}
