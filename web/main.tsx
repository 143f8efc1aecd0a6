import './theme/components.css';
import './theme/page.css';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { readNonce } from './nonce.ts';
import { startTranslations } from './translations.ts';

readNonce();
// The server was renewed while this page was open: what it wants to bring is not there any more, but there is a newer page.
window.addEventListener('vite:preloadError', () => location.reload());
await startTranslations();
const root = document.querySelector('#root');
if (root) createRoot(root).render(<App />);
