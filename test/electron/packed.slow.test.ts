// The app as electron-builder packs it, without Electron: around a stand-in for Electron's distribution the real packer
// makes the real archive, and Node runs the packed main process with only the module `electron` replaced.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractAll, listPackage } from '@electron/asar';
import { Arch, build as pack, type Configuration, Platform } from 'electron-builder';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { build } from '../../scripts/build.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'ablate-packed-'));
const packed = join(folder, 'linux-unpacked');
const resources = join(packed, 'resources');
const archive = join(resources, 'app.asar');
/** The archive as Electron shows it to the app: one tree, with what lies outside of it beside. */
const opened = join(folder, 'opened', 'app.asar');

beforeAll(async () => {
  build('page');
  build('desktop');
  const dist = join(folder, 'electron');
  for (const [file, text] of Object.entries({
    electron: '#!/bin/sh\n',
    version: '45.4.1',
    LICENSE: 'licence',
    'LICENSES.chromium.html': 'licences',
    'locales/en-US.pak': '',
    'resources/empty': '',
  })) {
    mkdirSync(join(dist, file, '..'), { recursive: true });
    writeFileSync(join(dist, file), text, { mode: 0o755 });
  }
  rmSync(join(dist, 'resources/empty'));
  const config: Configuration = {
    extends: join(root, 'electron-builder.yml'),
    electronDist: dist,
    directories: { output: folder, buildResources: 'resources/icons' },
    electronFuses: null, // the stand-in has none to set
  };
  await pack({ projectDir: root, targets: Platform.LINUX.createTarget('dir', Arch.x64), config, publish: 'never' });
  extractAll(archive, opened);
  cpSync(`${archive}.unpacked`, `${opened}.unpacked`, { recursive: true });
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('holds what the app runs on, and nothing it does not', () => {
  const files = listPackage(archive, { isPack: false }).map((file) => file.replaceAll('\\', '/'));
  const { main } = JSON.parse(readFileSync(join(opened, 'package.json'), 'utf8')) as { main: string };
  for (const file of [
    join('/', main),
    ...['/out/preload/preload.cjs', '/out/renderer/index.html', '/out/preload/gpu.cjs', '/out/gpu/index.html'],
  ]) {
    expect(files, file).toContain(file);
  }
  expect(files.filter((file) => /\.(map|stamp)$|^\/(test|docs|bench|scripts)\//.test(file))).toEqual([]);
  // Dawn does not work in Electron and is large; the hidden window has the GPU
  expect(files.filter((file) => /^\/node_modules\/(svelte|echarts|electron|vite|webgpu|@webgpu)\//.test(file))).toEqual(
    [],
  );
  expect(files.filter((file) => /^\/out\/gpu\/assets\/entry\.web-/.test(file))).toHaveLength(1);
});

it('ships the native libraries of its own platform only, outside the archive', () => {
  const natives = listPackage(archive, { isPack: false }).filter((file) => /\.(node|dll|so|dylib)$/.test(file));
  expect(natives.length).toBeGreaterThan(0);
  for (const file of natives) {
    expect(file).toMatch(/linux-x64/);
    expect(existsSync(join(`${archive}.unpacked`, file)), file).toBe(true);
  }
});

it('ships the data sets and the licences beside the archive', () => {
  const datasets = readdirSync(join(root, 'resources/datasets')).sort();
  expect(readdirSync(join(resources, 'datasets')).sort()).toEqual(datasets);
  for (const dataset of datasets) {
    expect(readdirSync(join(resources, 'datasets', dataset))).toEqual(
      readdirSync(join(root, 'resources/datasets', dataset)),
    );
  }
  for (const file of ['LICENSE', 'NOTICE']) expect(existsSync(join(resources, file)), file).toBe(true);
});

it('starts, answers the contract and trains, out of the packed files alone', () => {
  const home = join(folder, 'home');
  const script = join(folder, 'run.mjs');
  writeFileSync(script, program());
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, ABLATE_HOME: home, ABLATE_NO_DIALOGS: '1' },
  });
  expect(status, stderr).toBe(0);
  const seen = JSON.parse(stdout.split('\n').findLast((line) => line.startsWith('{'))!) as Record<string, unknown>;
  expect(seen).toMatchObject({
    loaded: ['ablate://lab/index.html'],
    page: 200,
    version: (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    datasets: ['fashion-mnist', 'mnist'],
    status: 'finished',
    error: null,
  });
  expect(seen['testAccuracy']).toBeGreaterThan(0.6); // chance is 0.1
  expect(existsSync(String(seen['preload']))).toBe(true);
}, 130_000);

/** A program that plays Electron and the page for the packed main process, and prints what it saw. */
function program(): string {
  return `
    import { registerHooks } from 'node:module';
    import { readFileSync } from 'node:fs';
    import { MessageChannel } from 'node:worker_threads';
    const app = ${JSON.stringify(opened)};
    const { main, version } = JSON.parse(readFileSync(app + '/package.json', 'utf8'));
    process.resourcesPath = ${JSON.stringify(resources)};
    const seen = { loaded: [] };
    const nothing = () => undefined;
    let quit;
    const ended = new Promise((resolve) => (quit = resolve));
    const handlers = {};
    globalThis.electron = {
      app: {
        isPackaged: true, setPath: nothing, commandLine: { appendSwitch: nothing }, enableSandbox: nothing, requestSingleInstanceLock: () => true,
        on: (name, handler) => (handlers[name] = handler), whenReady: () => Promise.resolve(),
        quit: () => quit(), exit: (code) => process.exit(code), getVersion: () => version, getAppPath: () => app,
      },
      BrowserWindow: class {
        constructor(options) { seen.preload = options.webPreferences.preload; }
        once() {} on() {} setProgressBar() {}
        loadURL(address) { seen.loaded.push(address); play(); return Promise.resolve(); }
      },
      dialog: { showErrorBox: nothing },
      ipcMain: { on: (name, handler) => (handlers[name] = handler) },
      MessageChannelMain: class {},
      Menu: { buildFromTemplate: nothing, setApplicationMenu: nothing },
      nativeTheme: { shouldUseDarkColors: false },
      protocol: { registerSchemesAsPrivileged: nothing, handle: (_scheme, handler) => (handlers.page = handler) },
      screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] },
      session: { defaultSession: {
        on: nothing,
        setPermissionRequestHandler: nothing, setPermissionCheckHandler: nothing, setDevicePermissionHandler: nothing,
        webRequest: { onBeforeRequest: nothing },
      } },
      shell: {},
      utilityProcess: { fork: () => { throw new Error('no processes of its own here'); } },
    };
    const names = Object.keys(globalThis.electron);
    const stub = names.map((name) => 'export const ' + name + ' = globalThis.electron.' + name + ';').join('');
    registerHooks({
      resolve: (specifier, context, next) => specifier === 'electron'
        ? { url: 'data:text/javascript,' + encodeURIComponent(stub), shortCircuit: true }
        : next(specifier, context),
    });
    async function play() {
      seen.page = (await handlers.page({ method: 'GET', url: 'ablate://lab/index.html' })).status;
      const { port1, port2 } = new MessageChannel();
      const port = {
        postMessage: (message) => port2.postMessage(message), start: () => port2.start(), close: () => port2.close(),
        on: (name, listener) => port2.on(name, (data) => listener({ data })),
      };
      handlers['ablate:connect']({ ports: [port], senderFrame: { url: 'ablate://lab/index.html', parent: null } });
      const waiting = new Map();
      let id = 0;
      port1.on('message', (message) => {
        if (message.kind === 'reply') waiting.get(message.id)(message);
      });
      const call = async (name, input) => {
        const reply = await new Promise((resolve) => {
          waiting.set(++id, resolve);
          port1.postMessage({ kind: 'call', id, name, input });
        });
        if (!reply.ok) throw new Error(reply.error.message);
        return reply.value;
      };
      seen.version = (await call('app.info', {})).version;
      seen.datasets = (await call('datasets.list', {})).map((dataset) => dataset.id).sort();
      const [{ id: run }] = await call('runs.create', { spec: {
        ablate: 1, data: { dataset: 'mnist' },
        model: { nodes: [
          { id: 'in', layer: 'input' }, { id: 'flat', layer: 'flatten' },
          { id: 'hidden', layer: 'dense', props: { units: 32 } }, { id: 'relu', layer: 'relu' },
          { id: 'out', layer: 'dense', props: { units: 10 } },
        ] },
        training: { batchSize: 64, length: { steps: 300 }, optimizer: { kind: 'sgd', learningRate: 0.1 } },
        backend: { kind: 'cpu', threads: 2 },
      } });
      let record;
      do {
        await new Promise((resolve) => setTimeout(resolve, 100));
        record = await call('runs.get', { id: run });
      } while (record.status === 'queued' || record.status === 'running');
      Object.assign(seen, { status: record.status, error: record.error, testAccuracy: record.metrics.testAccuracy });
      port1.close();
      handlers['before-quit']({ preventDefault: nothing });
    }
    await import(app + '/' + main);
    await ended;
    console.log(JSON.stringify(seen));
    process.exit(0);
  `;
}
