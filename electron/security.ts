/**
 * What keeps the window harmless, in one file that can be read against Electron's security checklist:
 * https://www.electronjs.org/docs/latest/tutorial/security
 *
 * The page is ours, comes from inside the app over a scheme of its own, and can reach nothing but the lab's contract. These
 * rules matter on the day something in it goes wrong.
 */
import type { App, Session, WebContents, WebFrameMain, WebPreferences } from 'electron';

/** The page's own scheme: unlike file:, it gives no access to the disk and has a real origin. */
export const pageScheme = 'ablate';
export const pageAddress = `${pageScheme}://lab/index.html`;
/** The page of the hidden window that computes on the GPU (gpu/window.ts): another origin, in another session. */
export const gpuAddress = `${pageScheme}://gpu/index.html`;

const policy: Readonly<Record<string, string>> = {
  'default-src': "'none'",
  'script-src': "'self'",
  // the charts and the graph place their parts with style attributes
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data: blob:",
  'font-src': "'self'",
  'connect-src': "'self'",
  'worker-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** It has scripts and workers and nothing else. */
const gpuPolicy: typeof policy = {
  'default-src': "'none'",
  'script-src': "'self'",
  'worker-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

const headersWith = (rules: typeof policy): Readonly<Record<string, string>> => ({
  'Content-Security-Policy': Object.entries(rules)
    .map(([name, value]) => `${name} ${value}`)
    .join('; '),
  // together they let the page use shared memory, and nobody else's window reach it
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
});

/** Sent with every file of the page. */
export const pageHeaders = headersWith(policy);
/** Sent with every file of the hidden window's page. */
export const gpuHeaders = headersWith(gpuPolicy);

/** Of every window. Most are Electron's defaults; written down, a changed default cannot open anything. */
export const webPreferences = {
  sandbox: true,
  contextIsolation: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webSecurity: true,
  allowRunningInsecureContent: false,
  experimentalFeatures: false,
  webviewTag: false,
  navigateOnDragDrop: false,
  safeDialogs: true,
  spellcheck: false, // it would fetch dictionaries
} as const satisfies WebPreferences;

/** Whether an address belongs to the page that is shipped with the app. */
export function isPage(address: string): boolean {
  try {
    const { protocol, host } = new URL(address);
    return protocol === `${pageScheme}:` && host === 'lab';
  } catch {
    return false;
  }
}

/** Whether a message comes from our page itself: the top frame of a window that shows it. */
export function isOurSender(frame: Pick<WebFrameMain, 'url' | 'parent'> | null): boolean {
  return frame !== null && frame.parent === null && isPage(frame.url);
}

/** Addresses that a request may go to. blob: and data: never leave the process; devtools: exists in development only. */
const innerAddress = new RegExp(`^(${pageScheme}|blob|data|devtools):`);

/** The same for the hidden window, which loads its own page and scripts. */
export const gpuRequest = new RegExp(`^${pageScheme}://gpu/`);

/** No permissions, no devices, no network. */
export function hardenSession(session: Session, allowed = innerAddress): void {
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest((details, answer) => answer({ cancel: !allowed.test(details.url) }));
}

/**
 * Windows stay on the page they show, open no others and embed nothing, however they came to be. The lab's page may load itself
 * anew; the hidden window goes nowhere at all.
 */
export function hardenContents(app: Pick<App, 'on'>): void {
  app.on('web-contents-created', (_event, contents: WebContents) => {
    const stays = (url: string): boolean => isPage(contents.getURL()) && isPage(url);
    contents.on('will-navigate', (event) => {
      if (!stays(event.url)) event.preventDefault();
    });
    contents.on('will-frame-navigate', (event) => {
      if (!event.isMainFrame || !stays(event.url)) event.preventDefault();
    });
    contents.on('will-redirect', (event) => event.preventDefault());
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
}
