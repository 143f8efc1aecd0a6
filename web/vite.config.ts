import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';

const base =
  /node_modules\/(react|react-dom|scheduler|i18next|react-i18next|use-sync-external-store|@tanstack|@mantine\/hooks|@mantine\/core\/esm\/(core|utils)|clsx)[/-]/;

function isBase(id: string): boolean {
  return base.test(id);
}

/** Bundles the page into `web/dist`, which the server serves. `npx vite web` serves it for developers, in front of a running `gabarit serve`. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The policy of the server allows no inline data besides pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: 'manifest.json',
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      output: {
        // One file of what every page needs: it packs better than forty, and changes only with the libraries.
        codeSplitting: { groups: [{ name: 'base', test: isBase }] },
      },
    },
  },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8480', ws: true } } },
});
