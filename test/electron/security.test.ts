import { describe, expect, it, vi } from 'vitest';
import {
  gpuAddress,
  gpuHeaders,
  gpuRequest,
  hardenContents,
  hardenSession,
  isOurSender,
  isPage,
  pageAddress,
  pageHeaders,
  webPreferences,
} from '../../electron/security.ts';

describe('the page', () => {
  it('is known by scheme and host alone, whatever else an address tries', () => {
    expect(isPage(pageAddress)).toBe(true);
    expect(isPage('ablate://lab/assets/x.js')).toBe(true);
    for (const address of [
      'https://lab/index.html',
      'ablate://evil/index.html',
      'ablate://lab.evil/index.html',
      'ablate://lab@evil/',
      'file:///index.html',
      'javascript:alert(1)',
      'about:blank',
      'ablate:',
      '',
    ]) {
      expect(isPage(address), address).toBe(false);
    }
  });

  it('is heard only as the top frame of its window', () => {
    const parent = {} as never;
    expect(isOurSender({ url: pageAddress, parent: null })).toBe(true);
    expect(isOurSender({ url: pageAddress, parent })).toBe(false);
    expect(isOurSender({ url: 'https://example.org/', parent: null })).toBe(false);
    expect(isOurSender(null)).toBe(false);
  });

  it('may run its own scripts only and talk to nobody', () => {
    const policy = pageHeaders['Content-Security-Policy']!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self';");
    expect(policy).not.toMatch(/unsafe-eval|https?:|ws:|\*/);
    expect(policy.split(';').filter((rule) => rule.includes('unsafe-inline'))).toEqual([
      " style-src 'self' 'unsafe-inline'",
    ]);
  });

  it('has no way to Node', () => {
    expect(webPreferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
    });
  });
});

describe('a session', () => {
  const handlers: Record<string, (...args: never[]) => unknown> = {};
  const keep = (name: string) => (handler: (...args: never[]) => unknown) => (handlers[name] = handler);
  hardenSession({
    setPermissionRequestHandler: keep('request'),
    setPermissionCheckHandler: keep('check'),
    setDevicePermissionHandler: keep('device'),
    webRequest: { onBeforeRequest: keep('before') },
  } as never);

  it('grants no permission and no device', () => {
    const answer = vi.fn();
    handlers['request']!(null as never, 'geolocation' as never, answer as never);
    expect(answer).toHaveBeenCalledExactlyOnceWith(false);
    expect(handlers['check']!()).toBe(false);
    expect(handlers['device']!()).toBe(false);
  });

  it('lets requests reach the page itself and nothing outside', () => {
    const cancelled = (url: string): unknown => {
      const answer = vi.fn();
      handlers['before']!({ url } as never, answer as never);
      return (answer.mock.calls[0]?.[0] as { cancel: boolean }).cancel;
    };
    for (const url of [pageAddress, 'blob:ablate://lab/1', 'data:image/png;base64,AA=='])
      expect(cancelled(url), url).toBe(false);
    for (const url of [
      'https://example.org/',
      'http://127.0.0.1/',
      'ws://127.0.0.1/',
      'file:///etc/passwd',
      'ftp://a/',
    ]) {
      expect(cancelled(url), url).toBe(true);
    }
  });
});

describe('the hidden window for the GPU', () => {
  it('is no page of the lab: another origin, whose messages are not heard', () => {
    expect(isPage(gpuAddress)).toBe(false);
    expect(isOurSender({ url: gpuAddress, parent: null })).toBe(false);
  });

  it('may load its own scripts and workers and nothing else', () => {
    const policy = gpuHeaders['Content-Security-Policy']!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe|https?:|ws:|\*|connect-src|img-src|style-src/);
    expect(gpuHeaders['Cross-Origin-Embedder-Policy']).toBe('require-corp');
    expect(gpuRequest.test(gpuAddress)).toBe(true);
    for (const url of [
      pageAddress,
      'ablate://gpu.evil/',
      'https://example.org/ablate://gpu/',
      'data:,x',
      'blob:ablate://gpu/1',
    ])
      expect(gpuRequest.test(url), url).toBe(false);
  });
});

describe('every web contents', () => {
  let shown = pageAddress;
  const listeners: Record<string, (event: object) => void> = {};
  let openHandler: (() => { action: string }) | undefined;
  hardenContents({
    on: (_name: string, listener: (event: unknown, contents: unknown) => void) => {
      listener(null, {
        on: (name: string, handler: (event: object) => void) => (listeners[name] = handler),
        getURL: () => shown,
        setWindowOpenHandler: (handler: () => { action: string }) => (openHandler = handler),
      });
    },
  } as never);
  const prevented = (name: string, event: object): boolean => {
    const preventDefault = vi.fn();
    listeners[name]!({ ...event, preventDefault });
    return preventDefault.mock.calls.length > 0;
  };

  it('stays on the page', () => {
    expect(prevented('will-navigate', { url: pageAddress })).toBe(false);
    expect(prevented('will-navigate', { url: 'https://example.org/' })).toBe(true);
    expect(prevented('will-frame-navigate', { url: pageAddress, isMainFrame: true })).toBe(false);
    expect(prevented('will-frame-navigate', { url: pageAddress, isMainFrame: false })).toBe(true);
    expect(prevented('will-redirect', { url: pageAddress })).toBe(true);
  });

  it('of the hidden window goes nowhere', () => {
    shown = gpuAddress;
    for (const url of [pageAddress, gpuAddress, 'https://example.org/']) {
      expect(prevented('will-navigate', { url }), url).toBe(true);
      expect(prevented('will-frame-navigate', { url, isMainFrame: true }), url).toBe(true);
    }
    shown = pageAddress;
    expect(prevented('will-navigate', { url: gpuAddress })).toBe(true);
  });

  it('opens no window and embeds no other', () => {
    expect(openHandler?.()).toEqual({ action: 'deny' });
    expect(prevented('will-attach-webview', {})).toBe(true);
  });
});
