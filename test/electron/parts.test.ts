import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { MenuItemConstructorOptions } from 'electron';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { watchDownloads } from '../../electron/downloads.ts';
import { menuTemplate } from '../../electron/menu.ts';
import { fileOf, servePage } from '../../electron/page.ts';
import { overallProgress, ProgressFollower } from '../../electron/progress.ts';
import { fit, initial, readState, smallest, writeState } from '../../electron/windowState.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ablate-electron-'));
  mkdirSync(join(folder, 'page/assets'), { recursive: true });
  writeFileSync(join(folder, 'page/index.html'), '<p>hello</p>');
  writeFileSync(join(folder, 'page/assets/a b.js'), 'export {};');
  writeFileSync(join(folder, 'page/notes.secret'), 'no');
  writeFileSync(join(folder, 'outside.html'), 'no');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the window remembers its place', () => {
  const screens = [{ x: 0, y: 0, width: 1920, height: 1080 }];

  it('comes back where it was', () => {
    const file = join(folder, 'state/window.json');
    const state = { x: 100, y: 50, width: 1200, height: 800, maximized: true };
    writeState(file, state);
    expect(readState(file, screens)).toEqual(state);
  });

  it('starts anew from a missing or broken file', () => {
    expect(readState(join(folder, 'none.json'), screens)).toEqual(initial);
    writeFileSync(join(folder, 'broken.json'), '{"width":');
    expect(readState(join(folder, 'broken.json'), screens)).toEqual(initial);
  });

  it('does not open on a screen that is gone', () => {
    const { x, y } = fit({ x: 4000, y: 100, width: 1200, height: 800 }, screens);
    expect([x, y]).toEqual([undefined, undefined]);
  });

  it('makes sense of anything', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (saved) => {
        const state = fit(saved, screens);
        expect(state.width).toBeGreaterThanOrEqual(smallest.width);
        expect(state.width).toBeLessThanOrEqual(1920);
        expect(state.height).toBeGreaterThanOrEqual(smallest.height);
        expect(state.height).toBeLessThanOrEqual(1080);
      }),
    );
  });

  it('shrugs at a disk that refuses', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => writeState(join(folder, 'file/window.json'), initial)).not.toThrow();
  });
});

describe('the page is served', () => {
  const get = async (path: string, method = 'GET'): Promise<Response> =>
    servePage(join(folder, 'page'))({ method, url: `ablate://lab${path}` });

  it('with type and headers', async () => {
    const response = await get('/index.html');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('<p>hello</p>');
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('Content-Security-Policy')).toContain("script-src 'self'");
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect((await get('/assets/a%20b.js')).headers.get('Content-Type')).toBe('text/javascript; charset=utf-8');
  });

  it.each([
    '/missing.html',
    '/',
    '/assets',
    '/notes.secret',
    '/%00.html',
    '/%',
    '/..%2foutside.html',
    '/assets/..%2f..%2foutside.html',
  ])('and nothing else: %s', async (path) => expect((await get(path)).status).toBe(404));

  it('to readers only', async () => expect((await get('/index.html', 'POST')).status).toBe(404));

  it('never from outside its folder', () => {
    fc.assert(
      fc.property(fc.string(), (path) => {
        const file = fileOf('/page', `ablate://lab/${path}`);
        if (file !== undefined) expect(file.startsWith('/page/')).toBe(true);
      }),
    );
  });
});

describe('the menu', () => {
  const rolesOf = (items: MenuItemConstructorOptions[]): string[] =>
    items
      .flatMap((item) => [item.role ?? '', ...(Array.isArray(item.submenu) ? rolesOf(item.submenu) : [])])
      .filter(Boolean);

  it('has what the platform expects', () => {
    const options = { developerTools: false, showHome: vi.fn() };
    expect(rolesOf(menuTemplate({ ...options, platform: 'linux' }))).toEqual(
      expect.arrayContaining(['quit', 'editMenu', 'about']),
    );
    const mac = rolesOf(menuTemplate({ ...options, platform: 'darwin' }));
    expect(mac[0]).toBe('appMenu');
    expect(mac).not.toContain('quit');
  });

  it('offers developer tools in development only', () => {
    const roles = (developerTools: boolean): string[] =>
      rolesOf(menuTemplate({ platform: 'linux', developerTools, showHome: vi.fn() }));
    expect(roles(true)).toContain('toggleDevTools');
    expect(roles(false)).not.toContain('toggleDevTools');
    expect(roles(false)).not.toContain('reload');
  });
});

describe('a download', () => {
  /** One that begins in a session whose failures are told to `told`. */
  const begun = () => {
    const session = new EventEmitter();
    const told: string[] = [];
    watchDownloads(session as never, (message, detail) => told.push(`${message}: ${detail}`));
    const cancel = vi.fn();
    const item = Object.assign(new EventEmitter(), {
      getFilename: () => 'net.onnx',
      getSavePath: () => '/full/net.onnx',
      cancel,
    });
    session.emit('will-download', {}, item);
    return { item, told, cancel };
  };

  it('that the disk has no room for is told once, with its place and what to do, and what there is of it is dropped', () => {
    const { item, told, cancel } = begun();
    item.emit('updated', {}, 'progressing');
    expect(told).toEqual([]);
    item.emit('updated', {}, 'interrupted');
    item.emit('done', {}, 'interrupted');
    expect(told).toEqual([
      expect.stringMatching(/^net\.onnx was not saved: \/full\/net\.onnx .*the disk is full.*Free/),
    ]);
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('that ends at once is told as well; one that is done or was cancelled is not', () => {
    const failed = begun();
    failed.item.emit('done', {}, 'interrupted');
    expect(failed.told).toHaveLength(1);
    for (const state of ['completed', 'cancelled']) {
      const { item, told } = begun();
      item.emit('done', {}, state);
      expect(told).toEqual([]);
    }
  });
});

describe('progress', () => {
  it('is the mean over what runs', () => {
    expect(overallProgress([])).toBeNull();
    expect(
      overallProgress([
        { step: 50, totalSteps: 100 },
        { step: 100, totalSteps: 100 },
      ]),
    ).toBe(0.75);
    expect(overallProgress([{ step: 7, totalSteps: null }])).toBe(0);
    expect(overallProgress([{ step: 0, totalSteps: 0 }])).toBe(0);
  });

  it('follows runs from start to end and repeats nothing', () => {
    const shown: (number | null)[] = [];
    const follower = new ProgressFollower((value) => shown.push(value));
    const change = (id: string, status: string, step: number): void =>
      follower.hear({ name: 'run.changed', data: { run: { id, status, step, totalSteps: 100 } } } as never);
    change('a', 'running', 50);
    change('a', 'running', 50);
    change('b', 'running', 0);
    follower.hear({ name: 'queue.changed', data: {} } as never);
    follower.hear({ name: 'run.deleted', data: { ids: ['b'] } });
    change('a', 'finished', 100);
    expect(shown).toEqual([0.5, 0.25, 0.5, null]);
  });
});
