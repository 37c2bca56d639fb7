// The preload script between a page and a main process, both played here.
import { MessageChannel as NodeChannel, type MessagePort as NodePort } from 'node:worker_threads';
import { expect, it, vi } from 'vitest';
import { bridgeName, connectChannel } from '../../electron/channels.ts';

const exposed: Record<string, { post(message: unknown): void; on(listener: (message: unknown) => void): void }> = {};
const sent: { channel: string; ports: NodePort[] }[] = [];
vi.mock('electron', () => ({
  contextBridge: { exposeInMainWorld: (name: string, bridge: never) => (exposed[name] = bridge) },
  ipcRenderer: {
    postMessage: (channel: string, _message: unknown, ports: NodePort[]) => sent.push({ channel, ports }),
  },
}));

it('exposes two functions and passes messages both ways, also those that come early', async () => {
  vi.stubGlobal('MessageChannel', NodeChannel);
  await import('../../electron/preload.ts');
  expect(Object.keys(exposed)).toEqual([bridgeName]);
  expect(Object.keys(exposed[bridgeName]!).sort()).toEqual(['on', 'post']);
  expect(sent.map(({ channel, ports }) => [channel, ports.length])).toEqual([[connectChannel, 1]]);

  const main = sent[0]!.ports[0]!;
  main.postMessage('early');
  const heard: unknown[] = [];
  exposed[bridgeName]!.on((message) => heard.push(message));
  main.postMessage({ kind: 'later' });
  await vi.waitFor(() => expect(heard).toEqual(['early', { kind: 'later' }]), 15_000);

  const arrived = new Promise((resolve) => main.once('message', resolve));
  exposed[bridgeName]!.post({ kind: 'call' });
  await expect(arrived).resolves.toEqual({ kind: 'call' });
  main.close();
});
