// The main process with Electron's modules replaced by recorders: what it asks of Electron, in which order, and how it ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connectChannel } from '../../electron/channels.ts';
import { pageAddress } from '../../electron/security.ts';
import type { LabServer } from '../../lab/contract/client.ts';
import { connectLab } from '../../lab/contract/rpc.ts';

type Handler = (...args: never[]) => unknown;
interface Recorder {
  calls: string[];
  appHandlers: Record<string, Handler>;
  ipcHandlers: Record<string, Handler>;
  windowHandlers: Record<string, Handler>;
  locked: boolean;
  windows: { options: Record<string, unknown>; progress: number[]; loaded: string[] }[];
  errors: string[];
}
const electron = vi.hoisted((): Recorder => ({
  calls: [],
  appHandlers: {},
  ipcHandlers: {},
  windowHandlers: {},
  locked: true,
  windows: [],
  errors: [],
}));
const lab = vi.hoisted(() => ({ compose: undefined as unknown as (options: object) => Promise<unknown> }));

vi.mock('electron', () => {
  const note = (name: string): number => electron.calls.push(name);
  return {
    app: {
      isPackaged: false,
      setPath: (name: string) => note(`setPath ${name}`),
      commandLine: { appendSwitch: (name: string) => note(`switch ${name}`) },
      enableSandbox: () => note('enableSandbox'),
      on: (name: string, handler: Handler) => (electron.appHandlers[name] = handler),
      requestSingleInstanceLock: () => electron.locked,
      whenReady: async () => undefined,
      quit: () => note('quit'),
      exit: (code: number) => note(`exit ${code}`),
      getVersion: () => '1.2.3',
      getAppPath: () => '/app',
    },
    BrowserWindow: class {
      readonly record = { options: {} as Record<string, unknown>, progress: [] as number[], loaded: [] as string[] };
      constructor(options: Record<string, unknown>) {
        this.record.options = options;
        electron.windows.push(this.record);
      }
      once(): void {}
      on(name: string, handler: Handler): void {
        electron.windowHandlers[name] = handler;
      }
      setProgressBar(value: number): void {
        this.record.progress.push(value);
      }
      async loadURL(address: string): Promise<void> {
        this.record.loaded.push(address);
        note('loadURL');
      }
    },
    dialog: { showErrorBox: (title: string, text: string) => electron.errors.push(`${title}: ${text}`) },
    ipcMain: { on: (name: string, handler: Handler) => (electron.ipcHandlers[name] = handler) },
    MessageChannelMain: class {},
    Menu: { buildFromTemplate: (template: unknown) => template, setApplicationMenu: () => note('menu') },
    nativeTheme: { shouldUseDarkColors: true },
    protocol: {
      registerSchemesAsPrivileged: () => note('registerScheme'),
      handle: (scheme: string) => note(`handle ${scheme}`),
    },
    screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] },
    session: {
      defaultSession: {
        on: (name: string) => note(`session ${name}`),
        setPermissionRequestHandler: () => note('harden'),
        setPermissionCheckHandler: () => undefined,
        setDevicePermissionHandler: () => undefined,
        webRequest: { onBeforeRequest: () => undefined },
      },
    },
    shell: { openPath: async () => '' },
  };
});
vi.mock('../../node/compose.ts', () => ({ compose: async (options: object) => lab.compose(options) }));

let home: string;
let closes: number;
let composedWith: Record<string, unknown>;
let emit: (event: never) => void;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ablate-main-'));
  vi.stubEnv('ABLATE_HOME', home);
  vi.stubEnv('ABLATE_NO_DIALOGS', undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  Object.assign(electron, { calls: [], appHandlers: {}, ipcHandlers: {}, windowHandlers: {} });
  Object.assign(electron, { locked: true, windows: [], errors: [] });
  closes = 0;
  const server: LabServer = {
    call: async (name, input) => ({ name, input }),
    on: (listener) => {
      emit = listener;
      return () => undefined;
    },
  };
  lab.compose = async (options) => {
    composedWith = options as Record<string, unknown>;
    return { lab: server, home, close: async () => closes++ };
  };
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(home, { recursive: true, force: true });
});

async function run(): Promise<void> {
  vi.resetModules();
  await import('../../electron/main.ts');
  await vi.waitFor(() => expect(electron.calls.at(-1)).toMatch(/^(loadURL|quit|exit \d+)$/), 15_000);
}

it('hardens before it composes, and opens one window on the page', async () => {
  await run();
  expect(electron.calls).toEqual([
    'setPath userData',
    'enableSandbox',
    ...(process.platform === 'linux' ? ['switch enable-unsafe-webgpu'] : []),
    'registerScheme',
    'harden',
    'session will-download',
    'handle ablate',
    'menu',
    'loadURL',
  ]);
  expect(Object.keys(electron.appHandlers)).toContain('web-contents-created');
  expect(composedWith).toMatchObject({ home, resources: '/app/resources', version: '1.2.3' });
  expect(String(composedWith['workerEntry'])).toMatch(/\/engine\/worker\/entry\.node\.js$/);
  expect(electron.windows).toHaveLength(1);
  const { options, loaded } = electron.windows[0]!;
  expect(loaded).toEqual([pageAddress]);
  expect(options['webPreferences']).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false });
  expect(options).toMatchObject({ show: false, minWidth: 1024, minHeight: 700 });
});

it('answers our page over its port, and closes the port of anybody else', async () => {
  await run();
  const connect = (url: string): { port: MessagePort; closed: Promise<void> } => {
    const { port1, port2 } = new MessageChannel();
    // Electron's ports hand listeners an event with the message in `data`
    const main = {
      postMessage: (message: unknown) => port2.postMessage(message),
      start: () => port2.start(),
      close: () => port2.close(),
      on: (name: string, listener: (event: { data: unknown }) => void) =>
        port2.on(name, (data: unknown) => listener({ data })),
    };
    electron.ipcHandlers[connectChannel]!({ ports: [main], senderFrame: { url, parent: null } } as never);
    return { port: port1, closed: new Promise((resolve) => port1.once('close', resolve)) };
  };
  const own = connect(pageAddress);
  const client = connectLab({
    post: (message) => own.port.postMessage(message),
    on: (listener) => void own.port.on('message', listener),
    onClose: (listener) => void own.port.on('close', listener),
  });
  await expect(client.call('app.info', {})).resolves.toEqual({ name: 'app.info', input: {} });
  own.port.close();
  await connect('https://example.org/').closed;
  // no port at all is no reason to fall over
  electron.ipcHandlers[connectChannel]!({ ports: [], senderFrame: null } as never);
});

it('shows progress in the taskbar', async () => {
  await run();
  const run1 = { id: 'a', status: 'running', step: 1, totalSteps: 4 };
  emit({ name: 'run.changed', data: { run: run1 } } as never);
  emit({ name: 'run.changed', data: { run: { ...run1, status: 'finished' } } } as never);
  expect(electron.windows[0]!.progress).toEqual([0.25, -1]);
});

it('closes the lab once before it quits', async () => {
  await run();
  const preventDefault = vi.fn();
  electron.appHandlers['before-quit']!({ preventDefault } as never);
  await vi.waitFor(() => expect(electron.calls.at(-1)).toBe('quit'), 15_000);
  expect(preventDefault).toHaveBeenCalledOnce();
  electron.appHandlers['before-quit']!({ preventDefault } as never);
  expect(preventDefault).toHaveBeenCalledOnce();
  expect(closes).toBe(1);
});

it('gives the lab a host for the GPU, and opens no hidden window before it is needed', async () => {
  await run();
  expect(composedWith['gpu']).toMatchObject({ start: expect.any(Function) as unknown });
  expect(electron.windows).toHaveLength(1);
});

it('ends with the window that is seen, whatever else is open', async () => {
  await run();
  electron.windowHandlers['closed']!();
  expect(electron.calls.at(-1)).toBe('quit');
});

it('leaves the field to a first instance on the same history', async () => {
  electron.locked = false;
  await run();
  expect(electron.calls.at(-1)).toBe('quit');
  expect(electron.windows).toEqual([]);
});

it('says in words why it cannot start', async () => {
  lab.compose = async () => {
    throw new Error('The history is in use by process 12.');
  };
  await run();
  expect(electron.errors).toEqual(['Ablate cannot start: The history is in use by process 12.']);
  expect(electron.calls.at(-1)).toBe('exit 1');
  expect(electron.windows).toEqual([]);
});
