/** The one window that is seen. */
import { join } from 'node:path';
import { BrowserWindow, nativeTheme, screen } from 'electron';
import { pageAddress, webPreferences } from './security.ts';
import { readState, smallest, writeState } from './windowState.ts';

export interface WindowOptions {
  /** The preload script: a CommonJS file, the only kind the sandbox runs. */
  readonly preload: string;
  /** Where the window's place is remembered. */
  readonly stateFile: string;
  readonly icon?: string;
  readonly developerTools: boolean;
}

/** The page's own backgrounds (renderer/app.css), so that opening does not flash. */
const backgrounds = { light: '#f7f7f5', dark: '#0f1012' } as const;

export function openWindow(options: WindowOptions): BrowserWindow {
  const { maximized, ...bounds } = readState(
    options.stateFile,
    screen.getAllDisplays().map((display) => display.workArea),
  );
  const window = new BrowserWindow({
    ...bounds,
    minWidth: smallest.width,
    minHeight: smallest.height,
    title: 'Ablate',
    show: false,
    backgroundColor: nativeTheme.shouldUseDarkColors ? backgrounds.dark : backgrounds.light,
    ...(options.icon !== undefined && { icon: options.icon }),
    webPreferences: { ...webPreferences, preload: options.preload, devTools: options.developerTools },
  });
  if (maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    writeState(options.stateFile, { ...window.getNormalBounds(), maximized: window.isMaximized() });
  });
  void window.loadURL(pageAddress);
  return window;
}

/** Files beside the bundled main process: `out/main/electron/main.js`. */
export function builtFiles(mainFolder: string): {
  preload: string;
  page: string;
  worker: string;
  gpu: { preload: string; page: string };
} {
  const out = join(mainFolder, '..', '..');
  return {
    preload: join(out, 'preload', 'preload.cjs'),
    page: join(out, 'renderer'),
    worker: join(out, 'main', 'engine', 'worker', 'entry.node.js'),
    gpu: { preload: join(out, 'preload', 'gpu.cjs'), page: join(out, 'gpu') },
  };
}
