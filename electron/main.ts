/**
 * The desktop shell's main process. It hosts the same lab as the other shells and answers its one window; training runs in
 * worker threads, or on the GPU behind a hidden window, so neither the window nor this thread ever waits for a step.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { app, type BrowserWindow, dialog, ipcMain, Menu, protocol, session, shell } from 'electron';
import { compose, type Composition } from '../node/compose.ts';
import { homeFolder } from '../node/home.ts';
import { answerPages } from './connect.ts';
import { watchDownloads } from './downloads.ts';
import { electronGpuHost } from './gpu/window.ts';
import { menuTemplate } from './menu.ts';
import { servePage } from './page.ts';
import { ProgressFollower } from './progress.ts';
import { hardenContents, hardenSession, pageScheme } from './security.ts';
import { selfTestProcess } from './selfTest.ts';
import { builtFiles, openWindow } from './window.ts';

const files = builtFiles(import.meta.dirname);
const home = homeFolder();
// what Chromium keeps lies with the history it belongs to, so that each history has a window, and one only
const ownFolder = join(home, 'desktop');
try {
  mkdirSync(ownFolder, { recursive: true });
  app.setPath('userData', ownFolder);
} catch {
  // a home that cannot be used is told by compose(), in words; until then Chromium's own default place does
}
app.enableSandbox();
// on Linux Chromium gives WebGPU to few GPUs without being told to
if (process.platform === 'linux') app.commandLine.appendSwitch('enable-unsafe-webgpu');
hardenContents(app);
protocol.registerSchemesAsPrivileged([
  { scheme: pageScheme, privileges: { standard: true, secure: true, supportFetchAPI: true } },
]);

let window: BrowserWindow | undefined;
let composition: Composition | undefined;
const gpu = electronGpuHost(files.gpu);
/** Set once the lab is closed and nothing holds up the end any more. */
let closed = false;

if (app.requestSingleInstanceLock()) {
  app.on('second-instance', () => {
    if (window?.isMinimized()) window.restore();
    window?.focus();
  });
  app.on('window-all-closed', () => app.quit());
  app.on('before-quit', (event) => {
    if (closed || !composition) return;
    // runs write a checkpoint first
    event.preventDefault();
    void composition
      .close()
      .catch((error: unknown) => report('Ablate could not close its history cleanly', error))
      .finally(() => {
        gpu.close();
        closed = true;
        app.quit();
      });
  });
  void app
    .whenReady()
    .then(start)
    .catch((error: unknown) => {
      report('Ablate cannot start', error);
      app.exit(1);
    });
} else {
  app.quit();
}

async function start(): Promise<void> {
  hardenSession(session.defaultSession);
  watchDownloads(session.defaultSession, tell);
  protocol.handle(pageScheme, servePage(files.page));
  // worker threads read their code with Node's own file access, which does not see into the app's archive
  const workerEntry = pathToFileURL(files.worker.replace(/\bapp\.asar\b/, 'app.asar.unpacked'));
  composition = await compose({
    home,
    resources: app.isPackaged ? process.resourcesPath : join(app.getAppPath(), 'resources'),
    workerEntry,
    gpu,
    version: app.getVersion(),
    revectorize: selfTestProcess(new URL('selfTest.node.js', workerEntry)),
  });
  const { lab } = composition;
  answerPages(ipcMain, lab);
  const developerTools = !app.isPackaged;
  Menu.setApplicationMenu(
    Menu.buildFromTemplate(
      menuTemplate({ platform: process.platform, developerTools, showHome: () => void shell.openPath(home) }),
    ),
  );
  window = openWindow({ preload: files.preload, stateFile: join(ownFolder, 'window.json'), developerTools });
  window.on('closed', () => {
    window = undefined;
    // the hidden window, if there is one, is no reason to stay
    app.quit();
  });
  const progress = new ProgressFollower((value) => window?.setProgressBar(value ?? -1));
  lab.on((event) => progress.hear(event));
}

/** Beside the window's work, which a box of `report` would hold up. */
function tell(message: string, detail: string): void {
  console.error(`${message}: ${detail}`);
  if (!window || process.env['ABLATE_NO_DIALOGS'] !== undefined) return;
  void dialog.showMessageBox(window, { type: 'error', message, detail });
}

/** Only a dialog is sure to be seen: a program started from a menu has no terminal. */
function report(title: string, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  console.error(`${title}: ${text}`);
  if (process.env['ABLATE_NO_DIALOGS'] === undefined) dialog.showErrorBox(title, text);
}
