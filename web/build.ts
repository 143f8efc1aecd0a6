import { build } from 'vite';

/** `npm run build:web`: bundles the page into `web/dist`. Quiet, for the launcher runs it, too. */
await build({ configFile: `${import.meta.dirname}/vite.config.ts`, logLevel: 'warn' });
