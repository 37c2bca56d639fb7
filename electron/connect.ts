/** Answers the contract to every page that connects. */
import type { IpcMain, MessagePortMain } from 'electron';
import type { LabServer } from '../lab/contract/client.ts';
import { type Port, serveLab } from '../lab/contract/rpc.ts';
import { connectChannel } from './channels.ts';
import { isOurSender } from './security.ts';

/** A port of Electron as the contract wants it. */
export function portOf(port: MessagePortMain): Port {
  return {
    post: (message) => port.postMessage(message),
    on: (listener) => {
      port.on('message', (event) => listener(event.data));
      port.start();
    },
    onClose: (listener) => port.on('close', listener),
  };
}

/** From now on, whoever sends a port and is our own page gets it answered by the lab. */
export function answerPages(ipc: Pick<IpcMain, 'on'>, lab: LabServer): void {
  ipc.on(connectChannel, (event) => {
    const [port] = event.ports;
    if (!port) return;
    if (isOurSender(event.senderFrame)) serveLab(lab, portOf(port));
    else port.close();
  });
}
