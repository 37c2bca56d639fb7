import { bridgeConnect } from './bridge.ts';
import { createLink, type Link } from './link.ts';
import { socketConnect } from './socket.ts';

const tokenKey = 'ablate.token';

/** The lab of whoever shows this page: the desktop window's bridge where there is one, else the server's WebSocket. */
export function openLink(): Link {
  if (window.ablate) return createLink(bridgeConnect(window.ablate));
  const token = takeToken();
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return createLink(socketConnect(() => `${scheme}//${location.host}/socket?token=${encodeURIComponent(token)}`));
}

/**
 * The token comes in the address's fragment, which browsers send to no server. It moves to the tab's own storage, so that
 * a reload works, and out of the address, so that it is not copied along.
 */
function takeToken(): string {
  const found = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (found !== undefined) {
    sessionStorage.setItem(tokenKey, found);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(tokenKey) ?? '';
}
