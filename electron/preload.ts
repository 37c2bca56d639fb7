/**
 * Runs before the page, in its process, in a world of its own. It hands the page two functions and nothing of Electron.
 *
 * Every load of the page makes a channel of its own, so an answer to a page that is gone can never reach the next one.
 */
import { contextBridge, ipcRenderer } from 'electron';
import { bridgeName, connectChannel } from './channels.ts';

const { port1: page, port2: main } = new MessageChannel();

contextBridge.exposeInMainWorld(bridgeName, {
  post: (message: unknown): void => page.postMessage(message),
  // what came before the first listener has waited in the port
  on: (listener: (message: unknown) => void): void => {
    page.addEventListener('message', (event: MessageEvent<unknown>) => listener(event.data));
    page.start();
  },
});

ipcRenderer.postMessage(connectChannel, null, [main]);
