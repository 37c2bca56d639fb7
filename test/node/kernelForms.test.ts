import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TrainingEvent } from '../../engine/index.ts';
import { SharedForms } from '../../engine/worker/sharedForms.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import { createJobs } from '../../node/jobs.ts';
import { formFile, type FormFile } from '../../node/kernelForms.ts';
import { createTrainer } from '../../node/trainer.ts';
import { gpuBackend, missingGpu } from '../engine/webgpu/device.ts';
import { playGpu } from './gpuHost.ts';
import { images, rowsSpec } from './rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'forms-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the file of forms', () => {
  it('keeps what is there, per adapter, and survives damage', () => {
    const path = join(folder, 'home', 'kernelForms.json');
    const file = formFile(path);
    expect(file.all()).toEqual({});
    file.add({ adapter: 'a', forms: { one: 'small' } });
    file.add({ adapter: 'b', forms: { one: 'deep' } });
    file.add({ adapter: 'a', forms: { one: 'split', two: 'usual' } });
    // what was measured first stays: a run may have begun with it
    expect(formFile(path).all()).toEqual({ a: { one: 'small', two: 'usual' }, b: { one: 'deep' } });
    // as a worker in another process may send it
    file.add({ adapter: 'c', forms: { one: 1 } as never });
    expect(Object.keys(file.all())).toEqual(['a', 'b']);
    for (const damage of ['{', '[]', '{"a": 3}', '{"a": {"one": 1}}']) {
      writeFileSync(path, damage);
      expect(file.all()).toEqual({});
    }
    file.add({ adapter: 'a', forms: { one: 'deep' } });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ a: { one: 'deep' } });
    // a place that cannot be written to
    expect(() => formFile(join(path, 'below.json')).add({ adapter: 'a', forms: {} })).not.toThrow();
  });

  it('leaves nothing half-written where it cannot be put in its place', () => {
    const path = join(folder, 'taken', 'kernelForms.json');
    // a folder that no file can take the place of
    mkdirSync(join(path, 'full'), { recursive: true });
    formFile(path).add({ adapter: 'a', forms: { one: 'small' } });
    expect(readdirSync(dirname(path))).toEqual(['kernelForms.json']);
  });
});

describe('what a worker measures', () => {
  const entry = new URL('../../engine/worker/entry.node.ts', import.meta.url);
  const datasets = { images: () => Promise.resolve(images()) };
  const spec = specSchema.parse({ ...rowsSpec(3), backend: { kind: 'webgpu', threads: 1 } });

  /** Workers without files, as those of the hidden window, on an adapter where small tiles are the fastest; what was measured. */
  function host(): { readonly gpu: ReturnType<typeof playGpu>; readonly asked: string[] } {
    const asked: string[] = [];
    const worker = () => {
      const forms = new SharedForms();
      const tuner = {
        clock: () => 0,
        onSoftware: true,
        measure: (_plan: unknown, { op }: { op: string }, form: string) => {
          asked.push(`${op} ${form}`);
          return Promise.resolve(form === 'small' ? 1 : 2);
        },
      };
      const backend = gpuBackend({ tuner, memory: forms });
      return { backend: () => Promise.resolve(backend), forms };
    };
    return { gpu: playGpu({ worker }), asked };
  }

  function train(gpu: ReturnType<typeof playGpu>, forms: FormFile): Promise<TrainingEvent[]> {
    const trainer = createTrainer({ datasets, entry, checkpointSeconds: 600, gpu, forms });
    const events: TrainingEvent[] = [];
    return new Promise((resolve) => {
      trainer.start({ runId: 'r1', spec, threads: 1, resumeFrom: null }, (event) => {
        events.push(event);
        if (event.kind === 'finished' || event.kind === 'failed') resolve(events);
      });
    });
  }

  it('is remembered for the next one, in runs and in jobs', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const forms = formFile(join(folder, 'runs.json'));
    const first = host();
    const begun = await train(first.gpu, forms);
    expect(first.asked).toContain('linear small');
    // the lab and its watchers hear nothing of it
    expect(begun.map(({ kind }) => kind as string)).not.toContain('forms');
    const [adapter] = Object.keys(forms.all());
    expect(adapter).toMatch(/\|kernels \d+$/);
    expect(new Set(Object.values(forms.all()[adapter!]!))).toEqual(new Set(['small']));
    const again = host();
    const end = (await train(again.gpu, forms)).at(-1);
    expect(again.asked).toEqual([]);
    expect(end).toMatchObject({ kind: 'finished', resultHash: (begun.at(-1) as { resultHash: string }).resultHash });

    // a warm worker of jobs is told what others have measured since it started
    const warm = host();
    const jobs = createJobs({ datasets, entry, gpu: warm.gpu, forms: formFile(join(folder, 'jobs.json')) });
    try {
      const request = { spec, threads: 1, checkpoint: null };
      await jobs.run('adapter', null, {});
      formFile(join(folder, 'jobs.json')).add({ adapter: adapter!, forms: forms.all()[adapter!]! });
      await jobs.run('timing', request, { milliseconds: 10 });
      expect(warm.gpu.started).toEqual(['jobs']);
      expect(warm.asked).toEqual([]);
    } finally {
      await jobs.close();
    }
  }, 120_000);
});
