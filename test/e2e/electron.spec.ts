// The desktop app as a user gets it, in the real Electron. Where its binary is missing every test is skipped, loudly;
// LAB_REQUIRE_ELECTRON=1 turns that into a failure.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, expect, type Page, test } from '@playwright/test';
import type { Bridge } from '../../renderer/link/bridge.ts';
import type { MethodInput, MethodName, MethodOutput } from '../../lab/contract/methods.ts';
import { build } from '../../scripts/build.ts';
import { findElectron, hasDisplay, rootArgs } from '../../scripts/electron.ts';

/** The page's window, as the preload script leaves it. */
type LabWindow = Window & { readonly ablate: Bridge };

const program = findElectron();
const required = process.env['LAB_REQUIRE_ELECTRON'] === '1';
test.skip(program === undefined && !required, 'Electron binary missing; run: npx install-electron');
test.skip(!hasDisplay() && !required, 'no display for a window (DISPLAY, WAYLAND_DISPLAY); run under xvfb-run');
test.describe.configure({ mode: 'serial' });

const root = join(import.meta.dirname, '../..');
const home = mkdtempSync(join(tmpdir(), 'ablate-electron-'));
const env = { ...process.env, ABLATE_HOME: home, ABLATE_NO_DIALOGS: '1' } as Record<string, string>;
let app: ElectronApplication;
let page: Page;

test.beforeAll(async () => {
  if (program === undefined || !hasDisplay()) {
    throw new Error(
      `LAB_REQUIRE_ELECTRON=1, but there is no ${program === undefined ? 'Electron binary' : 'display'}.`,
    );
  }
  build('desktop');
  app = await _electron.launch({ executablePath: program, args: [...rootArgs, root], env });
  page = await app.firstWindow();
});
test.afterAll(async () => {
  if (app !== undefined) await app.close();
  rmSync(home, { recursive: true, force: true });
});

/** One call of the contract through the page's own bridge. */
async function call<N extends MethodName>(name: N, input: MethodInput<N>): Promise<MethodOutput<N>> {
  const reply = await page.evaluate(
    ([method, argument]) =>
      new Promise<{ ok: boolean; value?: unknown; error?: { message: string } }>((resolve) => {
        // far from the numbers that the page itself counts up
        const id = 1_000_000_000 + Math.floor(Math.random() * 1_000_000_000);
        const { ablate } = window as unknown as LabWindow;
        ablate.on((message) => {
          const heard = message as { kind: string; id: number; ok: boolean };
          if (heard.kind === 'reply' && heard.id === id) resolve(heard);
        });
        ablate.post({ kind: 'call', id, name: method, input: argument });
      }),
    [name, input] as const,
  );
  if (!reply.ok) throw new Error(reply.error?.message);
  return reply.value as MethodOutput<N>;
}

/** Windows that a person sees; the one for the GPU is hidden. */
const seenWindows = (): Promise<number> =>
  app.evaluate(
    ({ BrowserWindow }) =>
      BrowserWindow.getAllWindows().filter((window) => !window.webContents.getURL().includes('//gpu/')).length,
  );

test('opens one window with the lab in it', async () => {
  await expect(page).toHaveTitle(/Ablate/);
  await expect(page.locator('#app')).not.toBeEmpty();
  expect(page.url()).toMatch(/^ablate:\/\/lab\//);
  expect(await seenWindows()).toBe(1);
});

test('answers the contract', async () => {
  const info = await call('app.info', {});
  expect(info.home).toBe(home);
  expect(info.cores).toBeGreaterThan(0);
  expect((await call('datasets.list', {})).map((dataset) => dataset.id).sort()).toEqual(['fashion-mnist', 'mnist']);
  await expect(call('runs.get', { id: 'nothing-like-it' })).rejects.toThrow(/nothing-like-it/);
});

test('trains a short run on real data', async () => {
  const [run] = await call('runs.create', {
    spec: {
      ablate: 1,
      name: 'short',
      data: { dataset: 'mnist' },
      model: {
        nodes: [
          { id: 'in', layer: 'input' },
          { id: 'flat', layer: 'flatten' },
          { id: 'hidden', layer: 'dense', props: { units: 32 } },
          { id: 'relu', layer: 'relu' },
          { id: 'out', layer: 'dense', props: { units: 10 } },
        ],
      },
      training: { batchSize: 64, length: { steps: 300 }, optimizer: { kind: 'sgd', learningRate: 0.1 } },
    },
  });
  await expect(async () => {
    const { status, error } = await call('runs.get', { id: run!.id });
    expect(error).toBeNull();
    expect(status).toBe('finished');
  }).toPass({ timeout: 60_000 });
  const { metrics, resultHash } = await call('runs.get', { id: run!.id });
  expect(metrics.testAccuracy).toBeGreaterThan(0.6); // chance is 0.1
  expect(resultHash).toMatch(/^[0-9a-f]{64}$/);
});

test('gives the page nothing of Node or Electron', async () => {
  const seen = await page.evaluate(() => ({
    globals: ['require', 'process', 'module', 'Buffer', 'electron', 'ipcRenderer'].filter((name) => name in window),
    bridge: Object.keys((window as unknown as LabWindow).ablate).sort(),
  }));
  expect(seen).toEqual({ globals: [], bridge: ['on', 'post'] });
  const preferences = await app.evaluate(({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows().find((window) => window.webContents.getURL().includes('//lab/'))!
      .webContents as unknown as {
      getLastWebPreferences(): Record<string, unknown>;
    };
    return contents.getLastWebPreferences();
  });
  expect(preferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webSecurity: true,
  });
});

test('keeps the page on its own ground', async () => {
  const address = page.url();
  const outcome = await page.evaluate(async () => {
    const refused = async (act: () => unknown): Promise<boolean> => {
      try {
        await act();
        return false;
      } catch {
        return true;
      }
    };
    location.href = 'https://example.org/';
    return {
      opened: window.open('https://example.org/') !== null,
      fetched: !(await refused(() => fetch('https://example.org/'))),
      // the content security policy knows no eval; a string keeps the type checker from knowing it either
      evaluated: !(await refused(() => (0, eval)('1'))),
      notifications: await Notification.requestPermission(),
    };
  });
  expect(outcome).toEqual({ opened: false, fetched: false, evaluated: false, notifications: 'denied' });
  expect(page.url()).toBe(address);
  expect(await seenWindows()).toBe(1);
});

test('is there only once per history', async () => {
  const second = spawn(program!, [...rootArgs, root], { env, stdio: 'ignore' });
  const code = await new Promise<number | null>((resolve) => second.on('exit', resolve));
  expect(code).toBe(0);
  expect(await seenWindows()).toBe(1);
  await expect(call('app.info', {})).resolves.toBeTruthy();
});

test('trains on the GPU behind a hidden window, and goes on on the CPU when that dies', async () => {
  test.setTimeout(300_000);
  const { adapter } = await call('machine.adapter', {});
  // the window was opened to ask; people see one
  const windows = await app.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows().map((window) => [window.isVisible(), window.webContents.getURL()] as const),
  );
  expect(windows.filter(([visible]) => visible)).toHaveLength(1);
  expect(windows.map(([, address]) => address)).toContain('ablate://gpu/index.html');
  const preferences = await app.evaluate(({ BrowserWindow }) => {
    const hidden = BrowserWindow.getAllWindows().find((window) => window.webContents.getURL().includes('//gpu/'))!;
    const contents = hidden.webContents as unknown as { getLastWebPreferences(): Record<string, unknown> };
    return contents.getLastWebPreferences();
  });
  expect(preferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webSecurity: true,
  });
  const [run] = await call('runs.create', {
    spec: {
      ablate: 1,
      name: 'on the GPU',
      data: { dataset: 'mnist' },
      model: {
        nodes: [
          { id: 'in', layer: 'input' },
          { id: 'flat', layer: 'flatten' },
          { id: 'out', layer: 'dense', props: { units: 10 } },
        ],
      },
      training: {
        batchSize: 64,
        length: { steps: 20_000 },
        optimizer: { kind: 'sgd', learningRate: 0.05 },
        evaluateEvery: { steps: 50 },
      },
      backend: { kind: 'webgpu' },
    },
  });
  const choice = async () => (await call('runs.get', { id: run!.id })).backendChoice;
  if (adapter !== null) {
    await expect(async () => expect((await call('runs.get', { id: run!.id })).step).toBeGreaterThan(100)).toPass({
      timeout: 120_000,
    });
    expect(await choice()).toMatchObject({ asked: 'webgpu', backend: 'webgpu', adapter: adapter.name });
    await app.evaluate(({ BrowserWindow }) => {
      const hidden = BrowserWindow.getAllWindows().find((window) => window.webContents.getURL().includes('//gpu/'))!;
      hidden.webContents.forcefullyCrashRenderer();
    });
  }
  await expect(async () => expect((await choice())?.backend).toBe('cpu')).toPass({ timeout: 60_000 });
  expect((await choice())!.reason).toMatch(/on the CPU\.$/);
  await expect(async () => expect((await call('runs.get', { id: run!.id })).status).toBe('finished')).toPass({
    timeout: 120_000,
  });
});
