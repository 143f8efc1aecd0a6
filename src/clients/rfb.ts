export { keys } from './rfb/keys.ts';
export { openRfb, type Rfb, type RfbOptions } from './rfb/open.ts';
export { encodePng } from './rfb/png.ts';
export type { Picture } from './rfb/screen.ts';
export { type ConsoleWatch, watchConsole, type WatchOptions } from './rfb/watch.ts';
