/** The menu bar: what every desktop program has, under the names and shortcuts that each platform gives it. */
import type { MenuItemConstructorOptions } from 'electron';

export interface MenuOptions {
  readonly platform: NodeJS.Platform;
  readonly developerTools: boolean;
  /** Shows the folder with history and checkpoints in the file manager. */
  readonly showHome: () => void;
}

/** A plain description, so that tests can read it; Electron builds the menu from it. */
export function menuTemplate({ platform, developerTools, showHome }: MenuOptions): MenuItemConstructorOptions[] {
  const mac = platform === 'darwin';
  const showHomeItem: MenuItemConstructorOptions = { label: 'Show history folder', click: showHome };
  return [
    ...(mac ? [{ role: 'appMenu' } as const] : []),
    { label: '&File', submenu: [showHomeItem, { type: 'separator' }, { role: mac ? 'close' : 'quit' }] },
    { role: 'editMenu' },
    {
      label: '&View',
      submenu: [
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
        ...(developerTools ? ([{ type: 'separator' }, { role: 'reload' }, { role: 'toggleDevTools' }] as const) : []),
      ],
    },
    { role: 'windowMenu' },
    { role: 'help', submenu: [{ role: 'about' }] },
  ];
}
