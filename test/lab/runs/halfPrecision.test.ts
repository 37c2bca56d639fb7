import { describe, expect, it } from 'vitest';
import { bench, smallSpec, type Bench } from '../fakes.ts';

const halves = (kind: 'webgpu' | 'auto') => ({ ...smallSpec, backend: { kind, storage: 'f16' as const } });

const refused = {
  code: 'spec',
  message:
    "This machine cannot train the spec: backend.storage: f16 needs a graphics adapter with half precision (the WebGPU feature shader-f16), and this machine's, Bare GPU, has none; choose backend.storage=f32, or queue the run on a machine whose adapter has it.",
};

/** What the machine's adapter is; undefined: it cannot be asked. */
function machineWith({ jobs }: Bench, answer: { halves?: boolean } | null | undefined): void {
  jobs.answer = (name, options) => {
    expect([name, options]).toEqual(['adapter', { software: true }]);
    if (answer === undefined) throw new Error('The thread died.');
    return { adapter: answer && { name: 'Bare GPU', software: false, ...answer } };
  };
}

describe('a run in half precision', () => {
  it('is refused before it is in the history, where the adapter has none; the machine is asked once', async () => {
    const made = await bench();
    machineWith(made, { halves: false });
    for (const seeds of [[1], [1, 2]]) {
      await expect(made.lab.call('runs.create', { spec: halves('webgpu'), seeds })).rejects.toMatchObject(refused);
    }
    expect(made.store.listRuns({}).total).toBe(0);
    expect(made.trainer.workers).toHaveLength(0);
    expect(made.jobs.asked).toHaveLength(1);
  });

  it('is queued where the adapter has it, where none answers, and where the spec leaves the choice', async () => {
    for (const answer of [{ halves: true }, {}, null, undefined]) {
      const made = await bench();
      machineWith(made, answer);
      await made.lab.call('runs.create', { spec: halves('webgpu') });
      expect((await made.worker(0)).request.spec.backend.storage).toBe('f16');
    }
    const made = await bench();
    await made.lab.call('runs.create', { spec: halves('auto') });
    await made.lab.call('runs.create', { spec: { ...smallSpec, backend: { kind: 'webgpu' } } });
    expect(made.jobs.asked).toHaveLength(0);
  });

  it('is refused where a history of another machine is to go on here', async () => {
    const made = await bench();
    machineWith(made, { halves: true });
    const [run] = await made.lab.call('runs.create', { spec: halves('webgpu'), seeds: [3] });
    const there = await made.worker(0);
    there.ready();
    there.say({
      kind: 'backend',
      choice: { asked: 'webgpu', backend: 'webgpu', reason: '', adapter: 'Fine GPU', storage: 'f16', measured: [] },
    });
    there.train(10);
    await there.checkpoint();
    await made.until(() => made.store.getRun(run!.id)?.checkpointStep === 10);

    const here = await made.crash();
    machineWith(here, { halves: false });
    await expect(here.lab.call('runs.resume', { id: run!.id })).rejects.toMatchObject(refused);
    expect(here.store.getRun(run!.id)).toMatchObject({ status: 'interrupted', step: 10 });
    expect(here.trainer.workers).toHaveLength(0);

    // one that left the GPU for the CPU stays there, and goes on
    here.store.updateRun(run!.id, {
      backendChoice: { asked: 'webgpu', backend: 'cpu', reason: '', adapter: null, storage: 'f32', measured: [] },
    });
    await expect(here.lab.call('runs.resume', { id: run!.id, from: 'start' })).rejects.toMatchObject(refused);
    await here.lab.call('runs.resume', { id: run!.id });
    expect((await here.worker(0)).request).toMatchObject({ backend: 'cpu' });
  });
});
