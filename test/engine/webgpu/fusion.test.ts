import { describe, expect, it } from 'vitest';
import type { StepProbe } from '../../../engine/diagnostics/measures.ts';
import { defaultDiagnostics, measureGroups, type DiagnosticsSettings } from '../../../engine/diagnostics/settings.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { inputOperands } from '../../../engine/ops/operands.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { defaultTuning } from '../../../engine/webgpu/tuning.ts';
import { fusePlan, resultOf } from '../../../engine/webgpu/fuse.ts';
import { lowerPlan } from '../../../engine/webgpu/lower.ts';
import { placeTensors } from '../../../engine/webgpu/memory.ts';
import type { TrainingEvent } from '../../../engine/worker/protocol.ts';
import { train } from '../train/drive.ts';
import { all, curve, smallJob } from '../train/jobs.ts';
import { gpuBackend, missingGpu } from './device.ts';

/** Every kind of chain: behind products, pools, batch norm and sums; a value with readers in and outside of its chain. */
const chains: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv', layer: 'conv2d', props: { filters: 5, padding: 'same' } },
    { id: 'gelu', layer: 'gelu' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 5, padding: 'same' } },
    { id: 'norm', layer: 'batchNorm' },
    { id: 'sum', layer: 'add', inputs: ['norm', 'gelu'] },
    { id: 'relu', layer: 'relu' },
    { id: 'drop', layer: 'dropout', props: { p: 0.3 } },
    { id: 'twice', layer: 'add', inputs: ['drop', 'relu'] },
    { id: 'pool', layer: 'maxPool2d' },
    { id: 'selu', layer: 'selu' },
    { id: 'flat', layer: 'flatten' },
    { id: 'dense', layer: 'dense', props: { units: 12 } },
    { id: 'tanh', layer: 'tanh' },
    { id: 'drop2', layer: 'dropout', props: { p: 0.2 } },
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
};

const everything: DiagnosticsSettings = {
  ...defaultDiagnostics,
  every: 4,
  deepEvery: 8,
  measures: [...measureGroups],
  histogram: { bins: 8, range: null },
};
const job = smallJob({ graph: chains, length: { steps: 9 }, diagnostics: everything });
const probesOf = (events: readonly TrainingEvent[]): StepProbe[] => all(events, 'probe');

const limits = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
  minStorageBufferOffsetAlignment: 256,
};

function planOf(): Plan {
  const checked = checkGraph(chains, { inputShape: [1, 6, 5], classes: 3 });
  if (!checked.ok) throw new Error(checked.faults.map(({ message }) => message).join());
  return lowerTraining(checked, {
    ...{ batchSize: 8, evaluationBatch: 8, inputShape: [1, 6, 5], trainImages: 90, testImages: 31, perFeature: false },
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
    historySlots: 16,
  });
}

describe('fused chains', () => {
  it('compute what single ops compute, and probes see the same values', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const [fused, single] = [await train(job, gpuBackend()), await train(job, gpuBackend({ fuse: false }))];
    const [a, b] = [curve(fused.events, 'loss'), curve(single.events, 'loss')];
    expect(a).toHaveLength(9);
    // a device may join a product and a sum that follow each other in one kernel
    a.forEach((loss, step) => expect(Math.abs(loss - b[step]!)).toBeLessThan(1e-4));
    const [seen, wanted] = [probesOf(fused.events), probesOf(single.events)];
    expect(seen.map(({ step }) => step)).toEqual(wanted.map(({ step }) => step));
    seen.forEach(({ layers }, i) =>
      layers.forEach(({ layer, values, histograms }, j) => {
        const other = wanted[i]!.layers[j]!;
        expect(layer).toBe(other.layer);
        expect(histograms.map(({ of }) => of)).toEqual(other.histograms.map(({ of }) => of));
        values.forEach((value, k) => {
          const found = other.values[k]!;
          expect(Number.isNaN(value), `${layer} ${k}`).toBe(Number.isNaN(found));
          if (!Number.isNaN(value)) expect(Math.abs(value - found)).toBeLessThan(1e-3 * (1 + Math.abs(found)));
        });
      }),
    );
  }, 120_000);

  it('and shared dispatches compute the same with the choices for a large GPU', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const short = smallJob({ graph: chains, length: { steps: 4 } });
    const { subgroup: _, ...large } = { ...defaultTuning(limits, false), winograd: 4 as const };
    const single = curve((await train(short, gpuBackend({ fuse: false }))).events, 'loss');
    const fused = await train(short, gpuBackend({ tuning: large, subgroups: true }));
    curve(fused.events, 'loss').forEach((loss, step) => expect(Math.abs(loss - single[step]!)).toBeLessThan(2e-4));
    expect((await train(short, gpuBackend({ tuning: large, subgroups: true }))).hash).toBe(fused.hash);
  }, 120_000);

  it('keep every value in memory that an op outside reads, and every op runs once', () => {
    const plan = planOf();
    for (const most of [4, 8, 12]) {
      const fusion = fusePlan(plan, most);
      fusion.segments.forEach(({ groups }, s) => {
        const ran = groups.flatMap(({ head, links }) => [head, ...links]);
        const moving = plan.segments[s]!.ops.filter(({ op }) => op !== 'flatten' && op !== 'flattenGrad');
        expect(new Set(ran)).toEqual(new Set(moving));
        expect(ran).toHaveLength(moving.length);
        const written = new Set<number>();
        for (const { head, links } of groups) {
          const own = new Set([head, ...links].map((op) => fusion.roots[resultOf(op)]));
          for (const op of [head, ...links]) {
            for (const { tensor } of inputOperands(op)) {
              const root = fusion.roots[tensor]!;
              if (fusion.elided.has(root)) expect(own.has(root), plan.tensors[tensor]!.name).toBe(true);
              if (plan.tensors[root]!.role === 'activation') {
                expect(written.has(root) || own.has(root), plan.tensors[tensor]!.name).toBe(true);
              }
            }
          }
          for (const op of [head, ...links]) {
            for (const id of Object.values(op.outputs as Record<string, number>)) written.add(fusion.roots[id]!);
          }
        }
      });
    }
  });

  it('make fewer dispatches of a step and move fewer bytes', () => {
    const plan = planOf();
    const [fused, single] = [true, false].map((fuses) => {
      const fusion = fusePlan(plan, limits.maxStorageBuffersPerShaderStage, { fuses });
      const placement = placeTensors(plan, fusion, limits);
      const programs = lowerPlan(plan, fusion, placement, limits, () => defaultTuning(limits, false)).segments.get(
        'train',
      )!;
      const bytes = programs.flatMap(({ bindings }) => bindings.map(({ view }) => view.bytes));
      return { count: programs.length, bytes: bytes.reduce((sum, each) => sum + each, 0) };
    });
    expect(fused!.count).toBeLessThanOrEqual(0.6 * single!.count);
    expect(fused!.bytes).toBeLessThan(0.8 * single!.bytes);
  });

  it('are short enough for the bindings of the adapter', () => {
    const plan = planOf();
    for (const most of [6, 8, 12]) {
      const within = { ...limits, maxStorageBuffersPerShaderStage: most };
      const fusion = fusePlan(plan, most);
      const { segments } = lowerPlan(plan, fusion, placeTensors(plan, fusion, within), within, () =>
        defaultTuning(within, false),
      );
      // batch norm alone binds seven
      for (const { bindings } of [...segments.values()].flat())
        expect(bindings.length).toBeLessThanOrEqual(Math.max(most, 7));
    }
  });
});
