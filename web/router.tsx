import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { ApiError } from './api/client.ts';
import { onLoggedOut, queryClient } from './api/query-client.ts';
import { meQuery } from './api/session.ts';
import { CatalogPage } from './pages/catalog/catalog-page.tsx';
import { NotFoundPage, WrongPage } from './pages/other-pages.tsx';
import { readBuildSearch, readCatalogSearch, readImageSearch, readLoginSearch, readPlainSearch } from './search.ts';
import { Shell } from './shell/shell.tsx';

const root = createRootRoute({ notFoundComponent: NotFoundPage });

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  component: lazyRouteComponent(() => import('./pages/login/login-page.tsx'), 'LoginPage'),
  validateSearch: readLoginSearch,
});

const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  component: Shell,
  beforeLoad: async ({ location }) => {
    try {
      await queryClient.ensureQueryData(meQuery);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) throw redirect({ to: '/login', search: { to: location.href } });
      throw error;
    }
  },
});

const getParentRoute = (): typeof inside => inside;
const catalog = createRoute({ getParentRoute, path: '/', component: CatalogPage, validateSearch: readCatalogSearch });
const image = createRoute({
  getParentRoute,
  path: '/images/$template/$version',
  component: lazyRouteComponent(() => import('./pages/image/image-page.tsx'), 'ImagePage'),
  validateSearch: readImageSearch,
});
const template = createRoute({
  getParentRoute,
  path: '/templates/$template',
  component: lazyRouteComponent(() => import('./pages/catalog/template-page.tsx'), 'TemplatePage'),
});
const build = createRoute({
  getParentRoute,
  path: '/build',
  component: lazyRouteComponent(() => import('./pages/build/build-page.tsx'), 'BuildPage'),
  validateSearch: readBuildSearch,
});
const jobs = createRoute({
  getParentRoute,
  path: '/jobs',
  component: lazyRouteComponent(() => import('./pages/jobs/jobs-page.tsx'), 'JobsPage'),
  validateSearch: readPlainSearch,
});
const job = createRoute({
  getParentRoute,
  path: '/jobs/$job',
  component: lazyRouteComponent(() => import('./pages/job/job-page.tsx'), 'JobPage'),
});
const channels = createRoute({
  getParentRoute,
  path: '/channels',
  component: lazyRouteComponent(() => import('./pages/channels/channels-page.tsx'), 'ChannelsPage'),
  validateSearch: readPlainSearch,
});
const targets = createRoute({
  getParentRoute,
  path: '/targets',
  component: lazyRouteComponent(() => import('./pages/targets/targets-page.tsx'), 'TargetsPage'),
});
const workers = createRoute({
  getParentRoute,
  path: '/workers',
  component: lazyRouteComponent(() => import('./pages/workers-page.tsx'), 'WorkersPage'),
});
const schedules = createRoute({
  getParentRoute,
  path: '/schedules',
  component: lazyRouteComponent(() => import('./pages/schedules/schedules-page.tsx'), 'SchedulesPage'),
});
const audit = createRoute({
  getParentRoute,
  path: '/audit',
  component: lazyRouteComponent(() => import('./pages/audit-page.tsx'), 'AuditPage'),
});
const users = createRoute({
  getParentRoute,
  path: '/users',
  component: lazyRouteComponent(() => import('./pages/users/users-page.tsx'), 'UsersPage'),
});
const tokens = createRoute({
  getParentRoute,
  path: '/tokens',
  component: lazyRouteComponent(() => import('./pages/tokens-page.tsx'), 'TokensPage'),
});
const settings = createRoute({
  getParentRoute,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings/settings-page.tsx'), 'SettingsPage'),
});

const pages = [
  catalog,
  image,
  template,
  build,
  jobs,
  job,
  channels,
  targets,
  workers,
  schedules,
  audit,
  users,
  tokens,
  settings,
] as const;

export const router = createRouter({
  routeTree: root.addChildren([login, inside.addChildren(pages)]),
  defaultErrorComponent: WrongPage,
  defaultPreload: 'intent',
  scrollRestoration: true,
});

/** To the login, and back to the same page after it. What was shown is forgotten: another person may log in. */
onLoggedOut.act = () => {
  const { pathname, href } = router.state.location;
  if (pathname === '/login' || router.state.isLoading) return;
  queryClient.clear();
  void router.navigate({ to: '/login', search: { to: href } });
};

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
