import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { queryClient } from './api/query-client.ts';
import { Announcements } from './components/announcements.tsx';
import { readNonce } from './nonce.ts';
import { router } from './router.tsx';
import { cssVariables, theme } from './theme/theme.ts';

export function App(): ReactElement {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} getStyleNonce={readNonce} defaultColorScheme="auto">
      <Announcements />
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
