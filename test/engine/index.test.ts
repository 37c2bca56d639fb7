import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as engine from '../../engine/index.ts';

/** Files that a module pulls in at run time, from its own import and export lines; types leave no trace. */
function reached(start: URL): Set<string> {
  const files = new Set<string>();
  const visit = (url: URL): void => {
    if (files.has(url.pathname)) return;
    files.add(url.pathname);
    const source = readFileSync(url, 'utf8');
    for (const [, names, path] of source.matchAll(/^(?:import|export)\s+(?!type\b)([^;]*?)\s*from\s+'(\.[^']+)'/gm)) {
      const onlyTypes =
        names!.startsWith('{') &&
        names!
          .slice(1, -1)
          .split(',')
          .every((name) => name.trim() === '' || name.trim().startsWith('type '));
      if (!onlyTypes) visit(new URL(path!, url));
    }
  };
  visit(start);
  return files;
}

describe('engine/index.ts', () => {
  const files = [...reached(new URL('../../engine/index.ts', import.meta.url))].map((path) =>
    path.slice(path.indexOf('/engine/') + 8),
  );

  it('reaches layers, checks and plans', () => {
    expect(files).toEqual(
      expect.arrayContaining(['graph/check.ts', 'layers/conv2d.ts', 'ops/index.ts', 'plan/lower.ts']),
    );
    expect(files.length).toBeGreaterThan(50);
  });

  it('reaches no backend and no host', () => {
    const inside = files.filter((file) => /^(cpu|reference|webgpu|host|worker)\/|\.(node|web)\.ts$/.test(file));
    // where a run is trained is also decided by the host of workers, which reaches several places to train in; both are plain data
    expect(inside.sort()).toEqual(['worker/backendChoice.ts', 'worker/fallback.ts']);
  });

  it('offers what other rooms build on', () => {
    expect(Object.keys(engine.layers)).toEqual(engine.layerNames);
    expect(engine.checkGraph({}, { inputShape: [1, 1, 1] }).ok).toBe(false);
  });
});
