/** The hidden window in Electron: sandboxed as the other one, in a session of its own, with a page that can reach nothing. */
import { BrowserWindow, MessageChannelMain, session, type MessagePortMain } from 'electron';
import { gpuPorts } from '../channels.ts';
import { servePage } from '../page.ts';
import { gpuAddress, gpuHeaders, gpuRequest, hardenSession, pageScheme, webPreferences } from '../security.ts';
import { createGpuHost, type GpuHost, type GpuWindow } from './host.ts';

export interface GpuWindowFiles {
  /** The preload script: a CommonJS file. */
  readonly preload: string;
  /** Folder of the built page. */
  readonly page: string;
}

/** Not kept on the disk. */
const partition = 'ablate-gpu';

/** The host of workers on the GPU. Its window opens when the first worker is asked for. */
export function electronGpuHost(files: GpuWindowFiles): GpuHost {
  let prepared = false;
  return createGpuHost({
    channel: () => new MessageChannelMain(),
    open: (gone) => {
      if (!prepared) {
        const own = session.fromPartition(partition);
        hardenSession(own, gpuRequest);
        own.protocol.handle(pageScheme, servePage(files.page, gpuHeaders));
        prepared = true;
      }
      return openGpuWindow(files.preload, gone);
    },
  });
}

function openGpuWindow(preload: string, gone: (reason: string) => void): GpuWindow {
  const window = new BrowserWindow({
    title: 'Ablate: GPU',
    show: false,
    width: 1,
    height: 1,
    skipTaskbar: true,
    focusable: false,
    webPreferences: {
      ...webPreferences,
      preload,
      partition,
      devTools: false,
      // nobody sees it, and it has work to do
      backgroundThrottling: false,
    },
  });
  const { webContents } = window;
  webContents.on('render-process-gone', (_event, { reason }) => gone(`the process of its window ended (${reason})`));
  window.on('closed', () => gone('its window was closed'));
  return {
    ready: window.loadURL(gpuAddress),
    // the window is only ever given ports of Electron's own channels
    send: (ports) => webContents.postMessage(gpuPorts, null, ports as unknown as MessagePortMain[]),
    destroy: () => {
      if (!window.isDestroyed()) window.destroy();
    },
  };
}
