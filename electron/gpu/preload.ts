/** Runs before the page of the hidden window, in a world of its own, and passes ports on to it. The page gets nothing else. */
import { ipcRenderer } from 'electron';
import { gpuPorts } from '../channels.ts';

ipcRenderer.on(gpuPorts, (event) => {
  // to this very window: nothing else is in it, and it can go nowhere
  window.postMessage(gpuPorts, '*', [...event.ports]);
});
