import { connectLab } from '../../lab/contract/rpc.ts';
import type { Connect } from './link.ts';

/** What the desktop shell's preload script puts on the window. */
export interface Bridge {
  post(message: unknown): void;
  on(listener: (message: unknown) => void): void;
}

declare global {
  interface Window {
    readonly ablate?: Bridge;
  }
}

/** The lab in the process that opened this window: the connection lives as long as the window. */
export function bridgeConnect(bridge: Bridge): Connect {
  return () =>
    Promise.resolve(
      connectLab({
        post: (message) => bridge.post(message),
        on: (listener) => bridge.on(listener),
        onClose: () => undefined,
      }),
    );
}
