import { describe, expect, it } from 'vitest';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import type { FormMemory, Forms, Measure, Tuner } from '../../../engine/webgpu/autotune.ts';
import type { TrainingEvent } from '../../../engine/worker/protocol.ts';
import { train } from '../train/drive.ts';
import { all, cnn, curve, mlp, only, smallJob } from '../train/jobs.ts';
import { gpuBackend, missingGpu } from './device.ts';

const job = smallJob({ graph: cnn, length: { steps: 8 } });
const lastCheckpoint = (events: readonly TrainingEvent[]): Uint8Array =>
  all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;

/** A tuner for which some forms are fast, and what it was asked. */
function tunerOf(
  fast: Readonly<Record<string, string>>,
  asked: string[] = [],
  budget = 1e9,
): Tuner & { asked: string[] } {
  let now = 0;
  const measure: Measure = (_, { op }, form) => {
    asked.push(`${op} ${form}`);
    now += 1;
    return Promise.resolve(fast[op] === form ? 1 : 2);
  };
  return { clock: () => now, budget, onSoftware: true, measure, asked };
}

function memoryOf(forms: Record<string, Forms> = {}): FormMemory & { forms: Record<string, Forms> } {
  return {
    forms,
    read: (adapter) => Promise.resolve(forms[adapter] ?? {}),
    write: (adapter, more) => Promise.resolve(void (forms[adapter] = { ...forms[adapter], ...more })),
  };
}

describe('forms of products', () => {
  it('are the fastest ones, once measured and then remembered; precision exact knows no Winograd', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const memory = memoryOf();
    const tuner = tunerOf({ conv2d: 'winograd4', linear: 'small' });
    const first = await train(job, gpuBackend({ tuner, memory }));
    expect(tuner.asked).toContain('conv2d winograd4');
    expect(tuner.asked).toContain('linearGradWeight split');
    expect(tuner.asked.some((line) => line.startsWith('conv2dGradWeight winograd'))).toBe(false);
    const [adapter] = Object.keys(memory.forms);
    expect(adapter).toMatch(/\|kernels \d+$/);
    const forms = Object.entries(memory.forms[adapter!]!);
    expect(forms.filter(([key]) => key.startsWith('conv2d ')).map(([, form]) => form)).toEqual(
      expect.arrayContaining(['winograd4']),
    );
    expect(new Set(forms.filter(([key]) => key.startsWith('conv2dGradInput ')).map(([, form]) => form))).toEqual(
      new Set(['usual']),
    );
    // the choice is what it seems to be
    const direct = await train(job, gpuBackend());
    expect(first.hash).not.toBe(direct.hash);
    // another process, with the memory: nothing to measure, and the same bits
    const again = tunerOf({});
    expect((await train(job, gpuBackend({ tuner: again, memory }))).hash).toBe(first.hash);
    expect(again.asked).toEqual([]);
    const exact = tunerOf({ conv2d: 'winograd4' });
    await train(smallJob({ graph: cnn, length: { steps: 1 }, precision: 'exact' }), {
      ...gpuBackend({ tuner: exact, memory }),
      compile: (plan) => gpuBackend({ tuner: exact, memory }).compile(plan, { precision: 'exact' }),
    });
    expect(exact.asked.length).toBeGreaterThan(0);
    expect(exact.asked.some((line) => line.includes('winograd'))).toBe(false);
  }, 240_000);

  it('go with the checkpoint, and a job can be given them: the bits do not depend on the memory', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const wishing = { tuner: tunerOf({ conv2d: 'winograd2', conv2dGradInput: 'winograd4' }), memory: memoryOf() };
    const whole = await train(job, gpuBackend(wishing));
    const begun = await train(job, gpuBackend(wishing), { stopAt: 4 });
    const checkpoint = lastCheckpoint(begun.events);
    expect(Object.values(decodeCheckpoint(checkpoint).forms!)).toContain('winograd2');
    // elsewhere other forms are the fastest
    const other = (): Parameters<typeof gpuBackend>[0] => ({
      tuner: tunerOf({ linear: 'narrow' }),
      memory: memoryOf(),
    });
    const resumed = await train({ ...job, resumeFrom: checkpoint }, gpuBackend(other()));
    expect(resumed.hash).toBe(whole.hash);
    const replayed = await train({ ...job, forms: decodeCheckpoint(checkpoint).forms! }, gpuBackend(other()));
    expect(replayed.hash).toBe(whole.hash);
    expect((await train(job, gpuBackend(other()))).hash).not.toBe(whole.hash);
  }, 240_000);

  it('are the usual ones beyond the time that may be taken, and on an adapter that computes on the processor', async ({
    skip,
  }) => {
    skip(missingGpu !== undefined, missingGpu);
    const short = smallJob({ graph: mlp, length: { steps: 2 } });
    const memory = memoryOf();
    const tuner = tunerOf({ linear: 'small' }, [], 8);
    const { events } = await train(short, gpuBackend({ tuner, memory }));
    expect(tuner.asked).toHaveLength(8);
    // what was compared whole is remembered; the rest is recorded with the run, and measured another time
    const remembered = Object.values(memory.forms)[0]!;
    expect(Object.keys(remembered)).toHaveLength(1);
    const recorded = decodeCheckpoint(lastCheckpoint(events)).forms!;
    expect(Object.keys(recorded).length).toBeGreaterThan(1);
    expect(Object.keys(recorded)).toEqual(expect.arrayContaining(Object.keys(remembered)));
    const { onSoftware: _, ...plain } = tunerOf({ linear: 'small' });
    await train(short, gpuBackend({ tuner: plain }));
    const { isSoftware } = await gpuBackend().adapterInfo();
    expect(plain.asked.length === 0).toBe(isSoftware);
  }, 60_000);

  it('are measured on the device, and every one computes the same', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const memory = memoryOf();
    const tuner = { clock: () => performance.now(), budget: 120_000, onSoftware: true };
    const short = smallJob({ graph: cnn, length: { steps: 4 } });
    const tuned = await train(short, gpuBackend({ tuner, memory }));
    expect(Object.keys(Object.values(memory.forms)[0]!).length).toBeGreaterThan(5);
    const usual = curve((await train(short, gpuBackend())).events, 'loss');
    curve(tuned.events, 'loss').forEach((loss, step) => expect(Math.abs(loss - usual[step]!)).toBeLessThan(2e-4));
    expect(only(tuned.events, 'ready').backend).toBe('webgpu');
  }, 300_000);
});
