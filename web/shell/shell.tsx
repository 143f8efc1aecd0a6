import { IconMenu2, IconX } from '@tabler/icons-react';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { lazy, type ReactElement, Suspense, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMay } from '../api/session.ts';
import { useTourIsOpen } from '../tour/tour-state.ts';
import { Account } from './account.tsx';
import { Brand } from './brand.tsx';
import { ColorSchemeButton } from './color-scheme-button.tsx';
import { LanguageButton } from './language-button.tsx';
import { Navigation } from './navigation.tsx';
import classes from './shell.module.css';

const Tour = lazy(() => import('../tour/tour.tsx').then(({ Tour: component }) => ({ default: component })));

/** What stands around every page once somebody is logged in. */
export function Shell(): ReactElement {
  const { t } = useTranslation();
  const may = useMay();
  const [isOpen, setOpen] = useState(false);
  const hasTour = useTourIsOpen() && may('builder');
  useFocusOnNewPage(() => setOpen(false));
  const Picture = isOpen ? IconX : IconMenu2;
  return (
    <div className={classes['shell']}>
      <a href="#main" className={classes['skip']}>
        {t('shell.skip')}
      </a>
      <header className={classes['header']}>
        <button
          type="button"
          className={classes['menu']}
          aria-label={isOpen ? t('shell.closeMenu') : t('shell.openMenu')}
          aria-expanded={isOpen}
          aria-controls="navigation"
          onClick={() => setOpen(!isOpen)}
        >
          <Picture size={20} aria-hidden />
        </button>
        <Link to="/" className={classes['home']} aria-label={t('shell.home')}>
          <Brand />
        </Link>
        <div className={classes['tools']}>
          <LanguageButton />
          <ColorSchemeButton />
        </div>
      </header>
      <nav id="navigation" className={classes['navbar']} data-open={isOpen} aria-label={t('shell.navigation')}>
        <Navigation />
        <Account />
      </nav>
      <main id="main" tabIndex={-1} className={classes['main']}>
        {hasTour && (
          <Suspense>
            <Tour />
          </Suspense>
        )}
        <Outlet />
      </main>
    </div>
  );
}

/** A reader of screens hears the name of the page that was gone to; the menu of a phone closes. */
function useFocusOnNewPage(onPage: () => void): void {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  const shown = useRef<string>(undefined);
  const act = useRef(onPage);
  act.current = onPage;
  useEffect(() => {
    if (path === undefined || path === shown.current) return;
    act.current();
    if (shown.current !== undefined) document.querySelector<HTMLElement>('#page-title')?.focus({ preventScroll: true });
    shown.current = path;
  }, [path]);
}
